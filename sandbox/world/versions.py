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
    # Whether it has the feed of activities and the list of contacts that are not active.
    tells_of_removals: bool


_NUMBERED = (
    Version(
        f"2.{minor}",
        by_day=True,
        owner_id=int,
        checks_sort_order=False,
        tells_of_merges=False,
        tells_of_removals=False,
    )
    for minor in range(7, 16)
)


def _recent(name: str, *, by_day: bool, tells_of_removals: bool) -> Version:
    return Version(
        name,
        by_day=by_day,
        owner_id=str,
        checks_sort_order=True,
        tells_of_merges=True,
        tells_of_removals=tells_of_removals,
    )


VERSIONS: Mapping[str, Version] = {
    version.name: version
    for version in (
        *_NUMBERED,
        _recent("2.16", by_day=True, tells_of_removals=False),
        _recent("2.17", by_day=False, tells_of_removals=True),
        _recent("Preview", by_day=False, tells_of_removals=True),
    )
}
