"""What no reader of Intercom can beat: calls by the pages that there are, seconds by the quota."""

from dataclasses import dataclass
from math import ceil

PAGE_SIZE = 150
WINDOW_SECONDS = 10


@dataclass(frozen=True)
class Size:
    """A workspace: its contacts, and the members of each of its segments."""

    contacts: int
    members: tuple[int, ...]

    @property
    def memberships(self) -> int:
        """Contacts in segments, each pair once."""
        return sum(self.members)

    @property
    def rows(self) -> int:
        """What a first sync has to bring."""
        return self.contacts + self.memberships

    @property
    def page_minimum(self) -> int:
        """Calls for everybody once and every segment once, in full pages; an empty segment takes a call, too."""
        return ceil(self.contacts / PAGE_SIZE) + sum(max(1, ceil(members / PAGE_SIZE)) for members in self.members)


def quota_floor(calls: int, *, limit: int, share: float) -> float:
    """Seconds that so many calls take at a share of `limit` calls in a window; several shares sum up to 1 at most."""
    return calls / (min(1.0, share) * limit) * WINDOW_SECONDS
