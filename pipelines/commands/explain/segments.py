"""The stories of a contact in each of its segments."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from ...errors import Misconfigured
from ..status import Days, ranges
from .log import NO_LOG, ContactLog, newest_scans
from .rows import WorkspaceRows, record
from .story import SegmentStory, Spell

SPELLS = """
select segment_id, spell_number, entered_after, entered_at, entered_on, enter_reason, is_baseline, left_after, left_at,
    left_on, leave_reason, merged_into_contact_id
from intercom.segment_memberships where workspace_id = {workspace} and contact_id = {contact}
order by segment_id, spell_number
"""
SEGMENTS = """
select segment_id, coalesce(segment_name, ''), is_deleted, last_complete_scan_at
from intercom.segments where workspace_id = {workspace} and segment_id in ({segments})
"""
NAMED = """
select distinct segments.segment_id, segments.segment_name, segments.person_type
from intercom.segments as segments
join intercom.segment_versions as versions
    on segments.workspace_id = versions.workspace_id and segments.segment_id = versions.segment_id
where segments.workspace_id = {workspace}
    and (segments.segment_id = {text} or lower(versions.name) = {lower_text})
order by segments.segment_id
"""
EDITS = """
select segment_id, updated_at from intercom.segment_versions
where workspace_id = {workspace} and segment_id in ({segments}) and version_number > 1
order by segment_id, updated_at
"""
KNOWN_DAYS = """
select segment_id, min(day), max(case when day_status <> 'deleted' then day end)
from intercom.segment_calendar where workspace_id = {workspace} and segment_id in ({segments}) group by segment_id
"""
UNOBSERVED_DAYS = """
select segment_id, day from intercom.segment_calendar
where workspace_id = {workspace} and segment_id in ({segments}) and day_status = 'unobserved'
order by segment_id, day
"""
COMPANY = "company"
NEVER = datetime.max.replace(tzinfo=UTC)


def segment_named(rows: WorkspaceRows, text: str) -> str:
    """The id of the segment with that id or name, now or earlier.

    Raises:
        Misconfigured: there is none, there are several, or it holds companies.
    """
    found = rows.tuples(NAMED, text=text, lower_text=text.strip().lower())
    exact = [one for one in found if one[0] == text] or found
    if not exact:
        raise Misconfigured(
            "No segment has that id or name. Find it in intercom.segments, or run the command without --segment."
        )
    if len(exact) > 1:
        ids = ", ".join(segment_id for segment_id, *_ in exact)
        raise Misconfigured(f"{len(exact):,} segments have or had that name: {ids}. Choose one by its id.")
    ((segment_id, _, person_type),) = exact
    if person_type == COMPANY:
        raise Misconfigured(
            f"Segment {segment_id} holds companies, and no contacts. Its members are in "
            "intercom.company_segment_memberships."
        )
    return str(segment_id)


@dataclass(frozen=True)
class SegmentReader:
    """Reads the stories of one contact."""

    rows: WorkspaceRows
    contact_id: str
    log: ContactLog | None

    def stories(self, segment_id: str | None) -> tuple[SegmentStory, ...]:
        """Those of all segments in which the contact ever was, or of one, by the first entry."""
        spells = self.rows.by_segment(SPELLS, contact=self.contact_id)
        chosen = sorted(spells) if segment_id is None else [segment_id]
        return tuple(sorted(self._stories(chosen, spells), key=_order)) if chosen else ()

    def _stories(
        self, segment_ids: Collection[str], spells: dict[str, list[tuple[Any, ...]]]
    ) -> Iterator[SegmentStory]:
        scans = newest_scans(self.rows, segment_ids) if self.log else {}
        edits = self.rows.by_segment(EDITS, segments=segment_ids)
        days = self.rows.by_segment(KNOWN_DAYS, segments=segment_ids)
        unobserved = self.rows.by_segment(UNOBSERVED_DAYS, segments=segment_ids)
        for segment_id, name, is_deleted, last_complete_scan_at in self.rows.tuples(SEGMENTS, segments=segment_ids):
            found = tuple(self._spell(segment_id, *spell) for spell in spells.get(segment_id, ()))
            first, last = days[segment_id][0] if segment_id in days else (None, None)
            yield SegmentStory(
                segment_id=segment_id,
                segment_name=name,
                is_deleted=is_deleted,
                is_current=any(spell.left_at is None for spell in found),
                first_known_on=first,
                last_known_on=last,
                days_unobserved=_between([day for (day,) in unobserved.get(segment_id, ())], found, last),
                edited_at=tuple(at for (at,) in edits.get(segment_id, ())),
                last_complete_scan_at=last_complete_scan_at,
                newest_scan=scans.get(segment_id),
                spells=found,
            )

    def _spell(self, segment_id: str, number: int, *columns: Any) -> Spell:
        entered_at, left_at = columns[1], columns[6]
        log = self.log or NO_LOG
        return record(
            Spell,
            (number, *columns),
            entry=log.evidence.get((segment_id, entered_at, True)),
            exit=log.evidence.get((segment_id, left_at, False)) if left_at else None,
            sightings=log.sightings.get((segment_id, number)),
        )


def _between(days: Sequence[date], spells: Sequence[Spell], last: date | None) -> tuple[Days, ...]:
    """The days from the first entry to the last known day of the segment; all for a contact that never was in it."""
    first = min((spell.entered_on for spell in spells), default=date.min)
    return ranges(day for day in days if first <= day <= (last or first))


def _order(story: SegmentStory) -> tuple[datetime, str]:
    """The story of a segment in which the contact never was is alone."""
    return min((spell.entered_at for spell in story.spells), default=NEVER), story.segment_name
