"""What the versions of the API do differently from one another; a version that is not here is refused."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Version:
    """One value of the Intercom-Version header, and what it can do."""

    name: str
    # Whether search matches timestamps by the workspace's calendar day, instead of by the second.
    by_day: bool
    # The type in which contacts carry the id of their owner.
    owner_id: type[int] | type[str]
    # Whether a search sorted neither "ascending" nor "descending" is refused, instead of sorted downwards.
    checks_sort_order: bool
    # Whether a merged contact is 410 with a link to the one it became, instead of 404.
    tells_of_merges: bool


_NUMBERED = (
    Version(f"2.{minor}", by_day=True, owner_id=int, checks_sort_order=False, tells_of_merges=False)
    for minor in range(7, 16)
)

VERSIONS: Mapping[str, Version] = {
    version.name: version
    for version in (
        *_NUMBERED,
        Version("2.16", by_day=True, owner_id=str, checks_sort_order=True, tells_of_merges=True),
        Version("2.17", by_day=False, owner_id=str, checks_sort_order=True, tells_of_merges=True),
        Version("Preview", by_day=False, owner_id=str, checks_sort_order=True, tells_of_merges=True),
    )
}
