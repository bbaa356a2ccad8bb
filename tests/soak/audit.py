"""Compares a warehouse with the true state: after a finished run, and after a failed one, which changes nothing."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb

from ..support.deployments import Deployment
from .truth import Pair, Truth

SCANS = "select segment_id, status, started_at, observed_at from intercom_raw.segment_scans where run_id = ?"
SPELLS = """
    select
        spells.segment_id, spells.contact_id, spells.entered_after, spells.entered_at,
        spells.left_after, spells.left_at, spells.is_baseline, scans.started_at
    from intercom.segment_memberships as spells
    left join intercom_raw.segment_scans as scans
        on spells.segment_id = scans.segment_id and spells.entered_at = scans.observed_at
    order by spells.segment_id, spells.contact_id, spells.entered_at
"""


class Spell(NamedTuple):
    """A row of `segment_memberships`; `sighted_after` is the start of the scan that found the entry."""

    segment_id: str
    contact_id: str
    entered_after: datetime | None
    entered_at: datetime
    left_after: datetime | None
    left_at: datetime | None
    is_baseline: bool
    sighted_after: datetime

    @property
    def pair(self) -> Pair:
        return self.segment_id, self.contact_id


def check_scans(deployment: Deployment, truth: Truth, run_id: str, doubtful: str | None) -> set[tuple[str, datetime]]:
    """Every complete scan of that run found the members that the segment had then.

    Whether a contact is a member may differ only if it changed during the scan. In the `doubtful` segment, whose total
    changed while a page was faulty, members may also be missing. Returns the segment and the start of that scan.
    """
    members = deployment.members()
    known = defaultdict[str, set[Pair]](set)
    for segment_id, contact_id in deployment.known():
        known[segment_id].add((segment_id, contact_id))
    assert members == set().union(*known.values())

    unsure = set()
    for segment_id, status, *bounds in deployment.query(SCANS, run_id):
        begin, end = (time.astimezone(UTC) for time in bounds)
        span = truth.during(begin, end)
        if status != "complete":
            continue
        false, missing = known[segment_id] - span.ever, of(segment_id, span.always) - known[segment_id]
        assert not false, f"members of {segment_id} that were never in it from {begin} to {end}: {false}"
        if segment_id == doubtful:
            unsure.add((segment_id, begin))
        else:
            assert not missing, (
                f"missing members of {segment_id}, which were always in it from {begin} to {end}: {missing}"
            )
    return unsure


def of(segment_id: str, pairs: frozenset[Pair]) -> set[Pair]:
    return {pair for pair in pairs if pair[0] == segment_id}


def spells(deployment: Deployment) -> list[Spell]:
    """All spells, sorted by segment, contact and entry."""
    return [Spell(*(_in_utc(value) for value in row)) for row in deployment.query(SPELLS)]


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def check_spells(found: list[Spell], truth: Truth, unsure: set[tuple[str, datetime]]) -> None:
    """Each spell starts and ends within its reported windows, and none overlaps the next one of the same pair."""
    problems = [problem for spell in found for problem in _problems(spell, truth, unsure)]
    assert not problems, "\n".join(problems)
    for one, other in pairwise(found):
        if one.pair == other.pair:
            assert one.left_at is not None, f"an open spell has a later one: {one}"
            assert one.left_at < other.entered_at, f"spells overlap: {one} {other}"


def _problems(spell: Spell, truth: Truth, unsure: set[tuple[str, datetime]]) -> Iterator[str]:
    entry = truth.during(spell.entered_after, spell.entered_at)
    sighting = truth.during(spell.sighted_after, spell.entered_at)
    if spell.pair not in entry.ever:
        yield f"was never a member in the window of its entry: {spell}"
    if spell.is_baseline and spell.pair not in sighting.ever:
        yield f"was never a member during the scan that found it: {spell}"
    if not spell.is_baseline and (spell.segment_id, spell.entered_after) not in unsure and spell.pair in entry.always:
        yield f"was always a member in the window of its entry: {spell}"
    if spell.left_at is None:
        return
    leave = truth.during(spell.left_after, spell.left_at)
    if spell.pair in leave.always:
        yield f"was always a member in the window of its exit: {spell}"
    if spell.pair not in leave.ever:
        yield f"was never a member in the window of its exit: {spell}"


def check_contacts(deployment: Deployment, *columns: str) -> None:
    """Every contact of the workspace is in the warehouse, with the same values."""
    fields = ("id", *columns)
    truth = {tuple(contact.value(name) for name in fields) for contact in deployment.workspace.contacts.values()}
    loaded = set(deployment.query(f"select {', '.join(fields)} from intercom_raw.contacts"))
    assert truth <= loaded, f"contacts that differ from the workspace: {sorted(truth - loaded)}"


def check_keys(deployment: Deployment) -> None:
    """No table has two rows with one key."""
    for table, key in {
        "contacts": "id",
        "segments": "segment_id, updated_at",
        "membership_changes": "segment_id, contact_id, observed_at",
        "segment_scans": "run_id, segment_id",
        "contact_removals": "contact_id, status, observed_at",
        "runs": "run_id",
    }.items():
        duplicates = deployment.query(f"select {key} from intercom_raw.{table} group by all having count(*) > 1")
        assert duplicates == [], f"{table} has duplicates: {duplicates}"


def logged_changes(deployment: Deployment) -> list[tuple[Any, ...]]:
    """The log of changes that the next run will read; empty before the first load.

    Reads a copy with the write-ahead log, because a failed run in this process may still have the file open.
    """
    with TemporaryDirectory() as folder:
        for file in deployment.folder.glob("warehouse.duckdb*"):
            shutil.copy(file, folder)
        with duckdb.connect(f"{folder}/warehouse.duckdb") as connection:
            try:
                return connection.execute("select * from intercom_raw.membership_changes order by all").fetchall()
            except duckdb.CatalogException:
                return []
