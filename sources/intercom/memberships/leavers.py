"""Contacts removed from the workspace leave all their segments, also those that were not read."""

import asyncio
from collections.abc import Collection, Sequence

from ..api import UNKNOWN
from .evidence import PendingScan, Removal, Scan, members_by_segment
from .options import ContactChanges, RunContext
from .removals import RemovalFinder
from .scanner import Scanner


class Leavers:
    """Finds removed contacts, and records that they leave the segments of pending scans.

    `found` are new removals, `explained` those of earlier runs whose reason is known now.

    Args:
        changes: contacts and reports of this run.
        newcomers: new contacts that Intercom counted at the start of the run.
        finished: the run's finished scans; the list grows while the run goes on.
    """

    def __init__(
        self,
        context: RunContext,
        scanner: Scanner,
        *,
        changes: ContactChanges,
        newcomers: int,
        finished: Sequence[Scan],
    ) -> None:
        options = context.options
        self.found: dict[str, Removal] = {}
        self.explained: dict[str, Removal] = {}
        self._context = context
        self._scanner = scanner
        self._changes = changes
        self._newcomers = newcomers
        self._finished = finished
        self._finder = RemovalFinder(
            context.client, context.snapshot.witness, options.version.has_feeds, options.guard.accept
        )

    @property
    def returned(self) -> dict[str, Removal]:
        """Contacts known to be removed that this run saw: they are active."""
        removed = self._context.removed.keys()
        joined = {contact_id for scan in self._finished for contact_id in removed & scan.joins}
        return dict.fromkeys(joined | (removed & self._changes.read.keys()), Removal("active"))

    def unaccounted(self) -> int | None:
        """Loaded contacts that should be active, less those that Intercom counted when the run began, if it did."""
        context = self._context
        if context.snapshot.contacts == UNKNOWN:
            return None
        active = context.memory.contact_count() + self._newcomers + len(self.returned) - len(self.found)
        return active - context.snapshot.contacts

    async def find(self, pending: list[PendingScan]) -> None:
        """Checks contacts reported removed, those that left a segment and, in a whole run, those not read."""
        context = self._context
        self._finder.reports = await asyncio.to_thread(self._reported)
        suspects = self._finder.reports.keys() | self._left_a_segment(pending)
        if context.is_whole or context.saved.is_resumed:
            suspects |= await asyncio.to_thread(self._unread)
        await self._remove(pending, suspects)
        if await asyncio.to_thread(self._accounts_differ):
            await self._finder.read_list()
            await self._remove(pending, await asyncio.to_thread(context.memory.loaded, self._finder.reports))

    async def find_after_drift(self, pending: list[PendingScan]) -> None:
        """Checks contacts that only sweeps for drift saw leave, and explains removals of earlier runs."""
        await self._remove(pending, self._left_a_segment(pending))
        unexplained = {key for key, status in self._context.removed.items() if status == "unknown"}
        reasons = await self._finder.explain(unexplained - self.returned.keys())
        self.explained = {key: removal for key, removal in reasons.items() if removal.status != "unknown"}

    async def _remove(self, pending: list[PendingScan], suspects: Collection[str]) -> None:
        """Suspects that are removed from the workspace leave all segments that were not swept.

        A sighting in this run beats a removal: contacts seen in any segment are left to the next run.
        """
        doubtful = set(suspects) - self._context.removed.keys() - self.found.keys()
        doubtful -= await asyncio.to_thread(self._sighted, doubtful, pending)
        removed = await self._finder.not_found(doubtful)
        self.found |= await self._finder.explain(removed)
        memberships = members_by_segment(await asyncio.to_thread(self._context.memory.memberships, removed))
        for one in pending:
            leavers = memberships.get(one.scan.segment_id, set()) - one.scan.leaves
            if leavers and one.scan.status != "incomplete":
                one.scan.removed |= leavers
                one.scan.leaves |= leavers
                if self._scanner.collapses(one.scan, one.segment, one.before):
                    one.scan.mark_incomplete("shrunk")

    def _reported(self) -> dict[str, Removal]:
        """Loaded contacts that the activity feed reported removed, in this run or an earlier one."""
        memory, reported = self._context.memory, self._changes.reported
        return memory.reported() | {key: reported[key] for key in memory.loaded(reported)}

    def _left_a_segment(self, pending: list[PendingScan]) -> set[str]:
        scans = [*self._finished, *(one.scan for one in pending)]
        return {contact_id for scan in scans if scan.how != "deleted" for contact_id in scan.leaves}

    def _unread(self) -> set[str]:
        """Known contacts that were not read, in a run that read all, or after a first load that loaded too many."""
        context, read = self._context, self._changes.read.keys()
        known = context.memory.contacts()
        self._newcomers = self._changes.newcomers(known | context.removed.keys(), context.snapshot.began_at)
        has_too_many = len(known) + self._newcomers > context.snapshot.contacts
        return known - read if context.is_whole or has_too_many else set()

    def _accounts_differ(self) -> bool:
        """Whether contacts disappeared without a known reason: Intercom's total moved otherwise than the log."""
        context = self._context
        before = context.saved.unaccounted
        return not context.is_whole and before is not None and self.unaccounted() not in (None, before)

    def _sighted(self, contact_ids: set[str], pending: list[PendingScan]) -> set[str]:
        """Those of the contacts that were seen in a segment in this run."""
        whole = {scan.segment_id for scan in self._finished if scan.status == "complete" and scan.how != "deleted"}
        pairs = {pair for pair in self._context.memory.memberships(contact_ids) if pair[0] in whole}
        for scan in self._finished:
            pairs -= {(scan.segment_id, contact_id) for contact_id in scan.leaves & contact_ids}
            pairs |= {(scan.segment_id, contact_id) for contact_id in scan.joins & contact_ids}
        sighted = {contact_id for _, contact_id in pairs}
        return sighted.union(*(one.scan.sighted & contact_ids for one in pending))
