"""Reads memberships contact by contact, where search refuses `segment_id`: one call for each contact."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from ..api import Segment, each
from .evidence import PendingScan, members_by_segment
from .options import ContactChanges, RunContext
from .plan import is_suspect
from .scanner import Scanner


@dataclass(frozen=True)
class ReadByContact:
    """The scans of all segments, the contact up to which the run has read, and how many contacts, in a sentence."""

    scans: list[PendingScan]
    asked_until: str | None
    note: str


async def read_by_contact(
    context: RunContext, scanner: Scanner, changes: ContactChanges, changed: set[str]
) -> ReadByContact:
    """Reads the segments of contacts that changed and, within the budget, of others.

    The others continue where the last run stopped, so that the contacts read longest ago come first.
    """
    contacts = await asyncio.to_thread(_active, context, changes)
    scans = [_begin(context, scanner, segment) for segment in context.segments]
    others, asked_until = _next(context, contacts - changed, context.options.limits.sweep_budget - len(changed))
    requested = contacts if any(_was_unobserved(one) for one in scans) else changed | set(others)
    pairs = await asyncio.to_thread(context.memory.memberships, requested)
    known, read = members_by_segment(pairs), await _read_twice(context, requested, pairs)
    for one in scans:
        _compare(one, known.get(one.segment.id, set()), read)
    if _is_collapse(scanner, scans, known, read):
        _hold(scans)
    for one in scans:
        if one.scan.status == "incomplete":
            continue
        if _was_unobserved(one):
            await _add_removed(context, one)
        _judge(scanner, one, is_whole=requested >= contacts and not read.doubtful)
    note = (
        "Intercom's search refuses to find contacts by segment, so the segments of each contact were read one by one: "
        f"{len(requested):,} of {len(contacts):,} contacts in this run, those that changed first."
    )
    return ReadByContact(scans, asked_until, note)


def _active(context: RunContext, changes: ContactChanges) -> set[str]:
    return (context.memory.contacts() | changes.read.keys()) - (context.removed.keys() - changes.read.keys())


def _begin(context: RunContext, scanner: Scanner, segment: Segment) -> PendingScan:
    before = context.remembered.get(segment.id)
    scan = scanner.begin(segment, before.members if before else 0, how="per_contact")
    return PendingScan(segment, before, scan)


def _was_unobserved(one: PendingScan) -> bool:
    """Whether contacts may have joined or left unseen in the last run, so that all contacts have to be read."""
    return one.before is not None and one.before.status in ("excluded", "incomplete")


def _next(context: RunContext, others: set[str], calls: int) -> tuple[list[str], str | None]:
    """The contacts that the budget allows, in the order of their ids and around, and where the next run continues."""
    saved = context.saved
    if context.is_whole or saved.first_load is not None:
        return sorted(others), saved.asked_until
    until = saved.asked_until or ""
    next_ones = sorted(others, key=lambda contact_id: (contact_id <= until, contact_id))[: max(calls, 0)]
    return next_ones, next_ones[-1] if next_ones else saved.asked_until


@dataclass(frozen=True)
class ReadMemberships:
    """Members by segment, and contacts of which an answer may have left out segments."""

    present: Mapping[str, set[str]]
    doubtful: set[str]


async def _read_twice(context: RunContext, contacts: Collection[str], known: Set[tuple[str, str]]) -> ReadMemberships:
    """Reads the segments of contacts, a second time those of contacts that have left one by the first answer.

    One sighting in either answer proves presence. A removed contact is in no segment.
    """
    observed = {one.id for one in context.segments}
    first = await each(contacts, context.client.segments_of)
    present = {(key, contact_id) for contact_id, answer in first.items() if answer for key in answer.group_ids}
    losing = {contact_id for key, contact_id in known - present if key in observed}
    second = await each(losing, context.client.segments_of)
    present |= {(key, contact_id) for contact_id, answer in second.items() if answer for key in answer.group_ids}
    partial = {one for answers in (first, second) for one, answer in answers.items() if answer and not answer.is_whole}
    return ReadMemberships(members_by_segment(present), partial)


def _compare(one: PendingScan, known: set[str], read: ReadMemberships) -> None:
    """Without a leave if an answer was not whole, or if Intercom's count says that no member left."""
    scan, present = one.scan, read.present.get(one.segment.id, set())
    scan.fetched = len(present)
    scan.sighted, scan.joins, scan.leaves = present, present - known, known - present
    if scan.leaves & read.doubtful or _is_contradicted(one):
        scan.mark_incomplete("does_not_add_up")


def _is_contradicted(one: PendingScan) -> bool:
    scan, before = one.scan, one.before
    if before is None or not scan.leaves or scan.count is None or not is_suspect(scan.count, before, scan.members):
        return False
    return not is_suspect(scan.count, before, scan.members + len(scan.leaves))


def _is_collapse(
    scanner: Scanner, scans: Sequence[PendingScan], known: Mapping[str, set[str]], read: ReadMemberships
) -> bool:
    """Whether contacts have left more segments at once than the guard allows: a list that comes empty leaves all.

    A segment may lose its last members because it was edited, or because it lost them in the last run as well.
    """
    guarded = [one.segment.id for one in scans if not (_was_held(one) or _is_edited(one))]
    pairs = {(key, contact_id) for key in guarded for contact_id in known.get(key, ())}
    lost = sum(contact_id not in read.present.get(key, ()) for key, contact_id in pairs)
    return scanner.guard.rejects_leaves(len(pairs), lost, edited=False, before=None)


def _was_held(one: PendingScan) -> bool:
    return one.before is not None and one.before.problem == "shrunk"


def _is_edited(one: PendingScan) -> bool:
    return one.before is not None and one.before.is_edited(one.segment)


def _hold(scans: Iterable[PendingScan]) -> None:
    """Ends no membership, but those that the last run has held."""
    for one in scans:
        if one.scan.leaves and not _was_held(one):
            one.scan.mark_incomplete("shrunk")


async def _add_removed(context: RunContext, one: PendingScan) -> None:
    """Adds members whose removal was recorded while the segment was not observed: they are not read any more."""
    members = await asyncio.to_thread(context.memory.members, one.segment.id)
    one.scan.removed = (members & context.removed.keys()) - one.scan.sighted
    one.scan.leaves |= one.scan.removed


def _judge(scanner: Scanner, one: PendingScan, *, is_whole: bool) -> None:
    """Complete only if all contacts were read; else Intercom's count decides, which nothing else can confirm."""
    scan = one.scan
    agrees = one.before is not None and not is_suspect(scan.count, one.before, scan.members)
    scan.status = "complete" if is_whole else "confirmed" if agrees else "unconfirmed"
    scanner.reject_collapse(scan, one.segment, one.before)
