"""Compares a warehouse with what was true: what a finished run may claim, and what a failed one may not touch."""

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

KNOWN = """
    select segment_id, contact_id from intercom_raw.membership_changes
    qualify row_number() over (partition by segment_id, contact_id order by observed_at desc) = 1 and is_member
"""
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
    """A row of `segment_memberships`, with the moment at which the scan that found its beginning began."""

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
        """Who is in what."""
        return self.segment_id, self.contact_id


def check_scans(deployment: Deployment, truth: Truth, run_id: str, doubtful: str | None) -> set[tuple[str, datetime]]:
    """Every segment read whole in that run has the members that it had then.

    A contact may be in or out only if it was both while the segment was read. In the `doubtful` segment, of which a
    bad page came while the total moved, somebody may be missing, too; answers that scan's segment and beginning.
    """
    members = deployment.members()
    known = defaultdict[str, set[Pair]](set)
    for segment_id, contact_id in deployment.query(KNOWN):
        known[segment_id].add((segment_id, contact_id))
    assert members == set().union(*known.values())

    unsure = set()
    for segment_id, status, *times in deployment.query(SCANS, run_id):
        begin, end = (moment.astimezone(UTC) for moment in times)
        span = truth.during(begin, end)
        if status != "complete":
            continue
        false, missing = known[segment_id] - span.ever, of(segment_id, span.always) - known[segment_id]
        assert not false, f"in {segment_id} without having been there from {begin} to {end}: {false}"
        if segment_id == doubtful:
            unsure.add((segment_id, begin))
        else:
            assert not missing, f"not in {segment_id}, though there from {begin} to {end}: {missing}"
    return unsure


def of(segment_id: str, pairs: frozenset[Pair]) -> set[Pair]:
    return {pair for pair in pairs if pair[0] == segment_id}


def spells(deployment: Deployment) -> list[Spell]:
    """All spells, those of a contact in a segment one after the other."""
    return [Spell(*(_in_utc(value) for value in row)) for row in deployment.query(SPELLS)]


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def check_spells(found: list[Spell], truth: Truth, unsure: set[tuple[str, datetime]]) -> None:
    """Each spell began and ended within the windows that it tells, and none reaches into the next of the same pair."""
    problems = [problem for spell in found for problem in _problems(spell, truth, unsure)]
    assert not problems, "\n".join(problems)
    for one, other in pairwise(found):
        if one.pair == other.pair:
            assert one.left_at is not None, f"an open spell has a successor: {one}"
            assert one.left_at < other.entered_at, f"spells overlap: {one} {other}"


def _problems(spell: Spell, truth: Truth, unsure: set[tuple[str, datetime]]) -> Iterator[str]:
    entry = truth.during(spell.entered_after, spell.entered_at)
    sighting = truth.during(spell.sighted_after, spell.entered_at)
    if spell.pair not in entry.ever:
        yield f"was no member at any moment of the window in which it entered: {spell}"
    if spell.is_baseline and spell.pair not in sighting.ever:
        yield f"was no member at any moment of the reading that found it: {spell}"
    if not spell.is_baseline and (spell.segment_id, spell.entered_after) not in unsure and spell.pair in entry.always:
        yield f"was a member throughout the window in which it entered: {spell}"
    if spell.left_at is None:
        return
    leave = truth.during(spell.left_after, spell.left_at)
    if spell.pair in leave.always:
        yield f"was a member throughout the window in which it left: {spell}"
    if spell.pair not in leave.ever:
        yield f"was no member at any moment of the window in which it left: {spell}"


def check_contacts(deployment: Deployment, *columns: str) -> None:
    """Every contact of the workspace is in the warehouse, as it is."""
    fields = ("id", *columns)
    truth = {tuple(contact.value(name) for name in fields) for contact in deployment.workspace.contacts.values()}
    loaded = set(deployment.query(f"select {', '.join(fields)} from intercom_raw.contacts"))
    assert truth <= loaded, f"not as in the workspace: {sorted(truth - loaded)}"


def check_keys(deployment: Deployment) -> None:
    """No row was loaded twice."""
    for table, key in {
        "contacts": "id",
        "segments": "segment_id, updated_at",
        "membership_changes": "segment_id, contact_id, observed_at",
        "segment_scans": "run_id, segment_id",
        "contact_removals": "contact_id, status, observed_at",
        "runs": "run_id",
    }.items():
        doubles = deployment.query(f"select {key} from intercom_raw.{table} group by all having count(*) > 1")
        assert doubles == [], f"{table} holds rows twice: {doubles}"


def logged_changes(deployment: Deployment) -> list[tuple[Any, ...]]:
    """The whole log of changes as the next run will find it, published or not; empty before the first load.

    Read from a copy, write-ahead log included: a run that failed in this process may still have the file open.
    """
    with TemporaryDirectory() as folder:
        for file in deployment.folder.glob("warehouse.duckdb*"):
            shutil.copy(file, folder)
        with duckdb.connect(f"{folder}/warehouse.duckdb") as connection:
            try:
                return connection.execute("select * from intercom_raw.membership_changes order by all").fetchall()
            except duckdb.CatalogException:
                return []
