"""Lower bounds for every client of Intercom: calls by the number of pages, seconds by the quota."""

from dataclasses import dataclass
from math import ceil

PAGE_SIZE = 150
WINDOW_SECONDS = 10


@dataclass(frozen=True)
class WorkspaceSize:
    """The number of contacts, and of the members of each segment."""

    contacts: int
    members: tuple[int, ...]

    @property
    def memberships(self) -> int:
        return sum(self.members)

    @property
    def rows(self) -> int:
        """The rows that a first sync has to load."""
        return self.contacts + self.memberships

    @property
    def page_minimum(self) -> int:
        """The calls to read every contact and every segment once, in full pages; an empty segment takes one, too."""
        return ceil(self.contacts / PAGE_SIZE) + sum(max(1, ceil(members / PAGE_SIZE)) for members in self.members)


def quota_bound(calls: int, *, limit: int, share: float) -> float:
    """The seconds for the calls at a share of `limit` calls in ten seconds. Several shares add up to at most 1."""
    return calls / (min(1.0, share) * limit) * WINDOW_SECONDS
