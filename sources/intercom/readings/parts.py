"""Parts of a first load: what was read, and how far the load is, handed over every few calls."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
from msgspec import Raw

from ..api import Usage
from ..memberships import RunOptions, SavedState, Scan, changes_of, scans_of
from ..search import EVERYTHING, ROWS_A_TABLE, MemberRead, Span, Windows
from ..tables import Fields, KnownFields, SentContact, attribute_changes

PART_SHARE = 0.02
"""A part's calls, as a share of all: about as much is lost when a load is killed."""
SMALLEST_PART, LARGEST_PART = 4, 100
"""A part's calls: each part costs some milliseconds; a large one holds 15,000 contacts in memory."""


@dataclass
class Sweep:
    """A sweep that has not ended.

    Args:
        version: the segment's `updated_at` when it started.
        total: Intercom's count of members when it started.
    """

    version: int
    started_at: datetime
    total: int
    unread: list[Span]


@dataclass
class FirstLoadState:
    """How far a first load is, saved with what it read; times are epoch seconds of Intercom's clock.

    Args:
        cursor, began_at, contacts: those of the first attempt; `contacts` is how many there were.
        unread: windows whose contacts are not read yet.
        sweeps: sweeps that have not ended, by segment.
        fields: those of the contacts read.
        is_over: everything is read.
        read_again_from: the earliest `updated_at` of a contact with an odd field.
    """

    workspace_id: str
    cursor: int | None
    began_at: int | None
    contacts: int
    unread: list[Span] = field(default_factory=lambda: [EVERYTHING])
    sweeps: dict[str, Sweep] = field(default_factory=dict)
    fields: KnownFields | None = None
    is_over: bool = False
    read_again_from: int | None = None


def state_after_first_load(stage: FirstLoadState) -> SavedState:
    """The state that the next run starts from; an empty one while the first load is not over."""
    if not stage.is_over:
        return SavedState()
    if stage.read_again_from is None or stage.cursor is None:
        return SavedState(stage.cursor, stage.began_at, first_load=stage.contacts, is_resumed=True)
    return SavedState(min(stage.cursor, stage.read_again_from - 1), first_load=stage.contacts, is_resumed=True)


@dataclass(frozen=True)
class Part:
    """What was read since the part before: raw rows by table, and how far the load is with them.

    `sightings` are members seen by sweeps that have not ended.
    """

    tables: dict[str, pa.Table]
    sightings: pa.Table
    stage: FirstLoadState


SIGHTINGS = pa.schema(
    {"segment_id": pa.string(), "started_at": pa.timestamp("us", tz="UTC"), "contact_id": pa.string()}
)
Keep = Callable[[Part], None]
Interruptions = Mapping[str, tuple[Sweep, set[str]]]
"""By segment: sweeps that an earlier attempt did not end, and the contacts that they had seen."""


class RunningSweep(NamedTuple):
    """A sweep under way, of a version of its segment."""

    version: int
    started_at: datetime
    read: MemberRead


class PartBuffer:
    """What was read and not handed over yet.

    `listed`, `scans`, `windows` and `sweeps` are filled by the reader: `listed` are tables, by name, that one call
    gives, `windows` those of the contacts.

    Args:
        stage: how far the load is; each part brings it up to date.
        usage: counts the calls.
        calls: those of the whole load, which decide how large parts are.
        keep: receives each part, and has it on disk when it returns.
    """

    def __init__(
        self, stage: FirstLoadState, options: RunOptions, *, fields: Fields, usage: Usage, calls: int, keep: Keep
    ) -> None:
        self.listed: dict[str, pa.Table] = {}
        self.scans: list[Scan] = []
        self.windows: Windows[Raw] | None = None
        self.sweeps: dict[str, RunningSweep] = {}
        self._stage = stage
        self._options = options
        self._fields = fields
        self._usage = usage
        self._keep = keep
        self._rows: list[SentContact] = []
        self._contacts: list[pa.Table] = []
        self._part_calls = round(min(max(PART_SHARE * calls, SMALLEST_PART), LARGEST_PART))
        self._kept_at = 0

    def add(self, contacts: Iterable[SentContact]) -> None:
        """Adds contacts. They become rows of a table soon: records need four times the memory."""
        self._rows += contacts
        if len(self._rows) >= ROWS_A_TABLE:
            self._pack()

    def hand_over_when_due(self) -> None:
        """Hands over if enough calls were made since the last time."""
        calls = self._usage.calls.total()
        if calls - self._kept_at >= self._part_calls:
            self._kept_at = calls
            self.hand_over()

    def hand_over(self) -> None:
        """Hands over what was read since the last time. Nothing is awaited in between, so that a part is consistent."""
        if self.windows:
            self._stage.unread = self.windows.spans
        self._stage.sweeps = dict(self._unfinished_sweeps())
        again = [one for one in (self._stage.read_again_from, self._fields.read_again_from(())) if one is not None]
        self._stage.read_again_from = min(again, default=None)
        tables, sightings = self._take_tables(), pa.concat_tables([SIGHTINGS.empty_table(), *self._take_sightings()])
        self._keep(Part(tables, sightings, replace(self._stage, fields=self._fields.known())))

    def _take_tables(self) -> dict[str, pa.Table]:
        self._pack()
        tables = {
            **self.listed,
            "contacts": pa.concat_tables(self._contacts),
            "contact_attribute_changes": attribute_changes(
                self._fields.take_values(),
                {},
                stamp=self._options.stamp,
                observed_at=self._options.began_at,
                observed_after=None,
            ),
            "membership_changes": changes_of(self.scans, self._options),
            "segment_scans": scans_of(self.scans, self._options),
        }
        self.listed, self._contacts, self.scans = {}, [], []
        return tables

    def _pack(self) -> None:
        self._contacts.append(self._fields.table(self._options.workspace_id, self._rows))
        self._rows = []

    def _unfinished_sweeps(self) -> Iterator[tuple[str, Sweep]]:
        for segment_id, (version, started_at, read) in self.sweeps.items():
            if read.unread is not None and read.total is not None:
                yield segment_id, Sweep(version, started_at, read.total, read.unread)

    def _take_sightings(self) -> Iterator[pa.Table]:
        for segment_id, (_, started_at, read) in self.sweeps.items():
            ids, read.new_ids = read.new_ids, []
            shared = [pa.repeat(pa.scalar(segment_id), len(ids)), pa.repeat(pa.scalar(started_at), len(ids))]
            yield pa.Table.from_arrays([*shared, pa.array(ids, pa.string())], schema=SIGHTINGS)
