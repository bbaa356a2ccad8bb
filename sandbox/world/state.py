"""The state of a workspace, as the API shows it."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from ..faults import Faults
from ..lists import Workplace
from ..people import DAY_SECONDS, PLANS, Contact, ContactEncoder, ContactEncoding, DataAttributes, DataEvents, Feed
from ..segments import History, Segment
from ..support import Desk
from .clock import Clock
from .contact_records import ContactRecords
from .memberships import Memberships
from .versions import Version

# The access token of a workspace without a token of its own.
BEARER = "sandbox-token"

# How long ago a workspace was created when its clock starts.
AGE_SECONDS = 400 * DAY_SECONDS

NextPageStyle = Literal["absent", "null", "object", "url"]
"""How the last page says that it is the last: without `next`, with null, or with an object without a cursor.

With "url" it has no `next`, and the pages of a search before it give a URL, as Intercom does on other endpoints.
"""


class WorkspaceState:
    """What the API reads of a workspace, and how it answers.

    Attributes:
        created_at: when it was created, in epoch seconds.
        calls: the answered calls, by endpoint.
        refused: the number of calls answered with 429.
        faults: failures to come, on request.
        attributes: the attributes of contacts that the workspace lists.
        events: what its own systems have sent about contacts.
        lists: what it lists beside contacts and segments.
        desk: its conversations and tickets.
        next_page_style: how the last page of a list ends.
        refuses: what search refuses: a field (`segment_id`), or a field with an operator (`id IN`).
        reported_count: returns the count that the list of segments reports for a number of members; None is sent as
            null.
    """

    def __init__(
        self,
        *,
        workspace_id: str,
        region: str,
        timezone: str,
        token: str,
        index_lag: float,
        clock: Clock,
        list_sizes: Mapping[str, int],
        desk_sizes: Mapping[str, int],
    ) -> None:
        self.workspace_id = workspace_id
        self.region = region
        self.timezone = timezone
        self.created_at = clock.second() - AGE_SECONDS
        self.token = token
        self.calls: Counter[str] = Counter()
        self.refused = 0
        self.faults = Faults()
        self.next_page_style: NextPageStyle = "absent"
        self.refuses: set[str] = set()
        self.reported_count: Callable[[int], int | None] = _true_count
        self.attributes = DataAttributes(PLANS)
        self.feed = Feed()
        self.events = DataEvents()
        self.records = ContactRecords(timedelta(seconds=index_lag))
        self.memberships = Memberships(self.records, segments := History[Segment](), clock)
        self.contacts: Mapping[str, Contact] = MappingProxyType(self.records.present)
        self.segments: Mapping[str, Segment] = MappingProxyType(segments.present)
        self.encoding = ContactEncoding(self.contacts)
        self._clock = clock
        self._segments = segments
        self._list_sizes, self._desk_sizes = list_sizes, desk_sizes

    @cached_property
    def lists(self) -> Workplace:
        """Made at the first use: most workspaces need none."""
        return Workplace(now=self._clock.second(), workspace_id=self.workspace_id, **self._list_sizes)

    @cached_property
    def desk(self) -> Desk:
        """Made at the first use, likewise."""
        return Desk(now=self._clock.second(), contacts=self.contacts, **self._desk_sizes)

    def now(self) -> datetime:
        """The time on the workspace's clock, in UTC."""
        return self._clock.now()

    def members(self, segment_id: str, at: datetime | None = None) -> set[str]:
        """Ids of the contacts in a segment, now or at a time since the workspace started; empty if it is unknown."""
        return self.memberships.members(segment_id, at)

    def pairs(self, at: datetime | None = None) -> set[tuple[str, str]]:
        """All pairs of segment id and contact id, now or at a time since the workspace started."""
        return self.memberships.pairs(at)

    def encoder(self, version: Version) -> ContactEncoder:
        """Encodes contacts for an API version."""
        return self.encoding.encoder(version.owner_id)


def _true_count(size: int) -> int:
    return size
