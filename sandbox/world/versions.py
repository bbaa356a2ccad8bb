"""The differences between API versions. The API refuses a version that is not listed here."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Version:
    """One value of the Intercom-Version header."""

    name: str
    # Search matches timestamps by the workspace's calendar day, not by the second.
    by_day: bool
    # The type of `owner_id` in contacts.
    owner_id: type[int] | type[str]
    # A sort order other than "ascending" and "descending" is refused, not taken for "descending".
    checks_sort_order: bool
    # A merged contact answers 410 with a link to the surviving contact, not 404.
    reports_merges: bool
    # The activity feed and the list of removed contacts exist.
    reports_removals: bool


_NUMBERED = (
    Version(
        f"2.{minor}",
        by_day=True,
        owner_id=int,
        checks_sort_order=False,
        reports_merges=False,
        reports_removals=False,
    )
    for minor in range(7, 16)
)


def _recent(name: str, *, by_day: bool, reports_removals: bool) -> Version:
    return Version(
        name,
        by_day=by_day,
        owner_id=str,
        checks_sort_order=True,
        reports_merges=True,
        reports_removals=reports_removals,
    )


VERSIONS: Mapping[str, Version] = {
    version.name: version
    for version in (
        *_NUMBERED,
        _recent("2.16", by_day=True, reports_removals=False),
        _recent("2.17", by_day=False, reports_removals=True),
        _recent("Preview", by_day=False, reports_removals=True),
    )
}
