"""`verify`: whether the warehouse and Intercom say the same of random contacts.

A sync reads by segment; this asks by contact, so that neither way of asking has to be believed alone. It writes nothing
but a line into the run journal.
"""

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from heapq import nsmallest
from typing import Any

import dlt
import httpx
from dlt.destinations.sql_client import SqlClientBase

from sources.intercom.client import PATIENT, Intercom, QueryRefused, Retries, Usage, Whereabouts, each, unnoticed
from sources.intercom.memberships import Clock
from sources.intercom.pacing import Pacer
from sources.intercom.plan import RememberedSegment
from sources.intercom.records import App
from sources.intercom.search import ask, count, members_of

from . import journal
from .errors import ExitCode, Misconfigured
from .lock import Claim
from .memory import RawMemory
from .settings import DEFAULT_WORKSPACE, IntercomSettings
from .sync import (
    FIRST_CALL_ATTEMPTS,
    bound_workspace,
    check_identity,
    check_purpose,
    connection,
    introduce,
    utc_now,
)
from .warehouse import Warehouse

DEFAULT_SAMPLE = 100
Pair = tuple[str, str]
"""A segment's id and a contact's."""
Advance = Callable[[], None]
Track = Callable[[int], AbstractContextManager[Advance]]


def a_seed() -> int:
    """A new seed, short enough to be typed again."""
    return secrets.randbelow(1_000_000)


def untracked(_: int) -> AbstractContextManager[Advance]:
    """Shows no progress."""
    return nullcontext(unnoticed)


@dataclass(frozen=True)
class Explanation:
    """Why two answers differ though neither is wrong: a `reason` that programs can compare, and the same in words."""

    reason: str
    words: str


@dataclass(frozen=True)
class Difference:
    """A membership that Intercom tells and the warehouse does not, or the reverse."""

    segment_id: str
    contact_id: str
    in_intercom: bool
    explanation: Explanation | None


@dataclass(frozen=True)
class Verification:
    """What was compared and what differs.

    `contacts` were asked about, of `contacts_known`; `contacts_gone` of them Intercom does not know any more.
    `compared` are the memberships that either side tells, `agreeing` those that both do.
    """

    run_id: str
    workspace_id: str
    exit_code: ExitCode
    seed: int
    contacts_known: int
    contacts: int
    contacts_gone: int
    compared: int
    agreeing: int
    differences: tuple[Difference, ...]
    api_calls: int
    seconds: float

    @property
    def unexplained(self) -> int:
        """Differences that nothing explains."""
        return sum(difference.explanation is None for difference in self.differences)


@dataclass(frozen=True)
class Known:
    """What the warehouse says of the sample: its contacts, each with the loaded `updated_at`, and their memberships.

    But for those in segments that the last sync left out, which are not compared.
    """

    contacts_known: int
    contacts: dict[str, int | None]
    pairs: set[Pair]
    segments: dict[str, RememberedSegment]

    def comparable(self, pairs: Iterable[Pair]) -> set[Pair]:
        """Those in segments that the last sync did not leave out."""
        excluded = {key for key, segment in self.segments.items() if segment.status == "excluded"}
        return {pair for pair in pairs if pair[0] not in excluded}


@dataclass
class Verify:
    """A verification of one workspace, with everything it is made of; `run` does it.

    Args:
        workspace: its name here, and its pipeline's.
        sample: contacts to ask about; all where there are fewer.
        seed: decides which.
        transport: replaces the network, for a workspace that lives in this process.
        track: entered with the number of contacts while they are asked about; gives what notes one of them.
    """

    warehouse: Warehouse
    settings: IntercomSettings
    workspace: str = DEFAULT_WORKSPACE
    sample: int = DEFAULT_SAMPLE
    seed: int = field(default_factory=a_seed)
    clock: Clock = utc_now
    transport: httpx.AsyncBaseTransport | None = None
    retries: Retries = PATIENT
    track: Track = untracked
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        self._pacer = Pacer(self.settings.rate_limit_share)
        self._began = time.monotonic()

    def run(self) -> Verification:
        """Compares, and writes the run into the journal however it ends.

        Raises:
            WarehouseError, IntercomError: the comparison could not be made.
        """
        check_purpose(self.warehouse, self.workspace)
        if not self.warehouse.exists:
            raise Misconfigured(
                f"There is no warehouse in {self.warehouse.place} yet. Run intercom-warehouse sync first."
            )
        with journal.kept(self.warehouse, self.workspace, "verify", clock=self.clock, usage=self.usage) as run:
            app = self._introduce()
            run.workspace_id = app.id_code
            known = self._known(app)
            told, explanations = asyncio.run(self._ask(known))
            found = self._verification(run, known, told, explanations)
            run.exit_code = int(found.exit_code)
            return found

    def _introduce(self) -> App:
        first_attempts = min(self.retries.attempts, FIRST_CALL_ATTEMPTS)
        return asyncio.run(introduce(self._connect(replace(self.retries, attempts=first_attempts))))

    def _connect(self, retries: Retries) -> Intercom:
        return connection(self.settings, self._pacer, self.usage, retries=retries, transport=self.transport)

    def _known(self, app: App) -> Known:
        """What the warehouse says. It is held for this moment only: asking takes longer, and no sync is to wait for it.

        The raw tables are read, not the published copy: PostgreSQL has none, and one left behind by a failed build
        would tell of differences that the warehouse itself does not have.
        """
        with self.warehouse.held(Claim("verify", self.workspace)):
            pipeline = self.warehouse.pipeline(self.workspace)
            check_bound(app, self.settings, pipeline)
            with pipeline.sql_client() as client:
                return known(client, app.id_code, sample=self.sample, seed=self.seed)

    async def _ask(self, known: Known) -> tuple[dict[str, set[str] | None], dict[Pair, Explanation]]:
        """Each contact's segments in Intercom's words, and explanations of what differs."""
        async with self._connect(self.retries) as client:
            with self.track(len(known.contacts)) as advance:
                told = await each(known.contacts, client.segments_of, advance)
            pairs = known.comparable(pairs_of(told))
            clues = Clues(client, known, agreeing=known.pairs & pairs)
            return told, await clues.explain(known.pairs ^ pairs)

    def _verification(
        self,
        run: journal.Run,
        known: Known,
        told: dict[str, set[str] | None],
        explanations: dict[Pair, Explanation],
    ) -> Verification:
        pairs = known.comparable(pairs_of(told))
        differing = known.pairs ^ pairs
        return Verification(
            run_id=run.run_id,
            workspace_id=str(run.workspace_id),
            exit_code=ExitCode.INCOMPLETE if differing - explanations.keys() else ExitCode.DONE,
            seed=self.seed,
            contacts_known=known.contacts_known,
            contacts=len(told),
            contacts_gone=sum(segments is None for segments in told.values()),
            compared=len(known.pairs | pairs),
            agreeing=len(known.pairs & pairs),
            differences=tuple(Difference(*pair, pair in pairs, explanations.get(pair)) for pair in sorted(differing)),
            api_calls=self.usage.calls.total(),
            seconds=round(time.monotonic() - self._began, 1),
        )


def check_bound(app: App, settings: IntercomSettings, pipeline: dlt.Pipeline) -> None:
    """Stops a comparison of one workspace with another's rows, or with none.

    Raises:
        Misconfigured: the token's region or workspace is another than configured, or was never synced.
    """
    if not pipeline.has_pending_data:  # else it might be dropped: what is pending is newer than the destination
        pipeline.sync_destination()
    check_identity(app, settings, pipeline)
    if bound_workspace(pipeline) is None:
        raise Misconfigured(
            f"Workspace {app.id_code} was never synced under the name {pipeline.pipeline_name}, so there is nothing to "
            "compare. Run intercom-warehouse sync first, or name the workspace as its sync does: --workspace NAME."
        )


def known(client: SqlClientBase[Any], workspace_id: str, *, sample: int, seed: int) -> Known:
    """What the raw tables say of a sample of a workspace's contacts."""
    memory = RawMemory(client, workspace_id)
    contacts = memory.contacts()
    drawn = draw(contacts, sample, seed)
    if not drawn:
        return Known(0, {}, set(), {})
    found = Known(
        contacts_known=len(contacts),
        contacts=memory.loaded(drawn),
        pairs=memory.memberships(drawn),
        segments=memory.segments(),
    )
    return replace(found, pairs=found.comparable(found.pairs))


def draw(contact_ids: Iterable[str], size: int, seed: int) -> list[str]:
    """Random contacts, for the same seed the same ones: those that came or went since change no other's chance."""

    def lot(contact_id: str) -> bytes:
        return blake2b(f"{seed} {contact_id}".encode()).digest()

    return nsmallest(size, contact_ids, key=lot)


def pairs_of(segments_by_contact: dict[str, set[str] | None]) -> set[Pair]:
    """Memberships as pairs; of a contact that is gone there are none."""
    return {(segment, contact) for contact, segments in segments_by_contact.items() for segment in segments or ()}


@dataclass(frozen=True)
class Clues:
    """Looks for what explains a difference: one clue after the other, each asked only about what is still open.

    `agreeing` are pairs that both sides tell: they show that a question about their segment is answered at all.
    """

    client: Intercom
    known: Known
    agreeing: set[Pair]

    async def explain(self, differing: set[Pair]) -> dict[Pair, Explanation]:
        """The explanations there are. The segment list comes first: one call may explain thousands of pairs."""
        found: dict[Pair, Explanation] = {}
        for clue in (self._segments, self._contacts, self._search, self._sizes):
            if still_open := differing - found.keys():
                try:
                    found |= await clue(still_open)
                except* QueryRefused:  # a search that knows no segments can explain nothing
                    pass
        return found

    async def _contacts(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Contacts that went, or were updated, since they were loaded."""
        places = await each({contact_id for _, contact_id in pairs}, self.client.whereabouts)
        explained = {contact_id: self._contact(contact_id, place) for contact_id, place in places.items()}
        return {pair: why for pair in pairs if (why := explained[pair[1]])}

    def _contact(self, contact_id: str, place: Whereabouts) -> Explanation | None:
        if place.status != "present":
            into = f" into {place.merged_into}" if place.merged_into else ""
            return Explanation("contact_gone", f"the contact was {place.status}{into} since the last sync")
        if (place.updated_at or 0) > (self.known.contacts[contact_id] or 0):
            at = moment(datetime.fromtimestamp(place.updated_at or 0, UTC))
            return Explanation("contact_updated", f"the contact was updated at {at}, after it was loaded")
        return None

    async def _segments(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Segments that were made, edited or deleted since the last sync, or that it could not read."""
        listed = {segment.id: segment.updated_at for segment in await self.client.segments()}
        asked = {segment_id for segment_id, _ in pairs}
        exists = await each(asked - listed.keys(), self.client.segment_exists)
        explained = {one: self._segment(one, listed.get(one), exists.get(one)) for one in asked}
        return {pair: why for pair in pairs if (why := explained[pair[0]])}

    def _segment(self, segment_id: str, listed: int | None, exists: bool | None) -> Explanation | None:
        """`listed` is the version in Intercom's list; `exists` what Intercom says of a segment that is not in it."""
        before = self.known.segments.get(segment_id)
        if exists is False:
            return Explanation("segment_deleted", "the segment was deleted since the last sync")
        if before is None:
            return (
                Explanation("segment_made", "the segment was made since the last sync") if listed is not None else None
            )
        if listed is not None and listed != before.updated_at:
            at = moment(datetime.fromtimestamp(listed, UTC))
            return Explanation("segment_edited", f"the segment was edited at {at}, after it was read")
        if before.status == "incomplete" or before.swept is None:
            return Explanation("segment_unread", "the last sync could not read the segment completely, and said so")
        return None

    async def _search(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Where Intercom's search says what the warehouse says, and so contradicts Intercom's own list."""
        asked = defaultdict[str, set[str]](set)
        for segment_id, contact_id in pairs:
            asked[segment_id].add(contact_id)
        confirmed = await each(asked, lambda segment_id: self._confirmed(segment_id, asked[segment_id]))
        why = Explanation(
            "search_agrees", "Intercom's search agrees with the warehouse: Intercom's own two answers differ"
        )
        return {pair: why for pair in pairs if pair[1] in confirmed[pair[0]]}

    async def _confirmed(self, segment_id: str, contact_ids: Collection[str]) -> set[str]:
        """Contacts of whom search says what the warehouse says about the segment."""
        control = min(members_in(self.agreeing, segment_id), default=None)
        answer = await ask(self.client, contact_ids, control=control, segment_id=segment_id)
        members = members_in(self.known.pairs, segment_id)
        absent = set(contact_ids) - members - answer.found if answer.is_evidence else set()
        if absent and control is None:  # then only those are missed whom search finds elsewhere
            absent = (await ask(self.client, absent, control=None)).found
        return answer.found & members | absent

    async def _sizes(self, pairs: set[Pair]) -> dict[Pair, Explanation]:
        """Segments whose size moved, as by time alone, which no `updated_at` tells of: the weakest clue, so the last.

        New contacts move it, too, so one pair that is wrong may hide behind them until the next sweep.
        """
        asked = {segment_id for segment_id, _ in pairs} & self.known.segments.keys()
        totals = await each(asked, lambda segment_id: count(self.client, members_of(segment_id)))
        explained = {one: self._size(self.known.segments[one], total) for one, total in totals.items()}
        return {pair: why for pair in pairs if (why := explained.get(pair[0]))}

    def _size(self, before: RememberedSegment, total: int) -> Explanation | None:
        if before.swept is None or total == before.members:
            return None
        return Explanation(
            "size_moved",
            f"people came or went since the last look at {moment(before.observed_at)}: {before.members:,} "
            f"members then, {total:,} now; the next sweep takes them in",
        )


def members_in(pairs: Iterable[Pair], segment_id: str) -> set[str]:
    """The contacts that some pairs tell of a segment."""
    return {contact_id for one, contact_id in pairs if one == segment_id}


def moment(at: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
