"""What a change and its evidence mean, in sentences. Only what the log holds is claimed."""

from collections.abc import Iterator
from datetime import datetime

from ..commands.explain import Evidence, Explained, KnownRemoval, KnownScan, SegmentStory, Sightings, Spell
from ..messages import utc_text

ENTERED = {
    "baseline": "found by the first complete scan of the segment: it joined at an unknown time before",
    "joined": "joined",
    "merge": "entered, because a member was merged into this contact",
    "segment_edited": "entered after the definition of the segment was edited",
}
LEFT = {
    "left": "left: it no longer matched the rule of the segment",
    "segment_edited": "left after the definition of the segment was edited",
    "segment_deleted": "ended, because the segment was deleted",
    "contact_deleted": "ended, because the contact was deleted",
    "contact_archived": "ended, because the contact was archived or blocked",
    "contact_merged": "ended, because the contact was merged into {into}",
    "unknown": "ended, because the contact was removed: no run has asked for the reason yet",
}
SEEN = {
    "page": "On a page of {scan}.",
    "lookup": "Missing from a lookup by id in {scan}.",
    "lookup_without_control": "Missing from a lookup by id in {scan}, which left no member.",
    "segment": "Intercom answered 404 for the segment, in {scan}.",
    "removal": "Missing from a lookup by id among all contacts, in run {run}; the segment was not read.",
    "contact_in": "In the contact's own list of segments, in {scan}.",
    "contact_out": "Missing from the contact's own list of segments, twice, in {scan}.",
    "unknown": "Seen in {scan}, in a way that this release does not know.",
}
METHODS = {
    "page": "A page: POST /contacts/search with segment_id. Only a page shows a member that was not known before.",
    "lookup": "A lookup by id: POST /contacts/search with segment_id, and with the ids of known members that no page "
    "showed; where search refuses ids, GET /contacts/ID/segments. Its answer counts only if it has the control, a "
    "contact just seen in the segment.",
    "lookup_without_control": "Where a segment has no member left to be the control, the same ids are looked up "
    "without segment_id, too, with a contact that is known to exist.",
    "segment": "The 404: the segment was missing from the list, so GET /segments/ID was asked.",
    "removal": "A lookup among all contacts: POST /contacts/search with the ids of contacts that may be removed, and "
    "with a contact that is known to exist.",
    "contact_in": "A contact's own list: GET /contacts/ID/segments.",
    "contact_out": "Twice: a leave counts only if a second answer comes without the segment, too.",
}
"""How each of them asks Intercom."""
NO_SCAN = "run {run}, of which the log has no scan of this segment"
NO_LOG = (
    "The evidence is not published: publish_raw is off, so the published copy holds the tables for analysts alone. The "
    "warehouse itself has the log."
)
SINGLE_CALLS = (
    "The log keeps scans, not single calls: whether a page or a lookup by id showed a contact that was seen again is "
    "not known."
)


def entered(spell: Spell) -> str:
    """How a spell began."""
    again = " again" if spell.spell_number > 1 else ""
    return f"{ENTERED[spell.enter_reason]}{again}"


def left(spell: Spell) -> str:
    """How a spell ended."""
    return LEFT[str(spell.leave_reason)].format(into=spell.merged_into_contact_id)


def entry_window(spell: Spell) -> str:
    if spell.entered_after is None:
        return f"seen at {_time(spell.entered_at)}"
    return f"between {utc_text(spell.entered_after)} and {_time(spell.entered_at)}"


def exit_window(spell: Spell) -> str:
    after = f"between {utc_text(spell.left_after)} and" if spell.left_after else "by"
    return f"{after} {_time(spell.left_at)}" if spell.left_at else ""


def seen(evidence: Evidence, *, is_member: bool) -> str:
    """How a change was seen."""
    sentence = SEEN[method(evidence, is_member=is_member)]
    scan = _scan(evidence.scan) if evidence.scan else NO_SCAN.format(run=evidence.run_id)
    return sentence.format(scan=scan, run=evidence.run_id)


def method(evidence: Evidence, *, is_member: bool) -> str:
    """A key of SEEN and METHODS."""
    if evidence.seen_how == "contact":
        return "contact_in" if is_member else "contact_out"
    if evidence.seen_how is None:
        return "unknown"
    has_no_control = evidence.seen_how == "lookup" and evidence.scan is not None and evidence.scan.fetched == 0
    return "lookup_without_control" if has_no_control else evidence.seen_how


def _scan(scan: KnownScan) -> str:
    """A scan, so that it can be found in `intercom_raw.segment_scans`."""
    numbers = {"saw": scan.fetched, "Intercom counted": scan.count}
    counts = ", ".join(f"{name} {number:,}" for name, number in numbers.items() if number is not None)
    problem = f", {scan.problem}" if scan.problem else ""
    return f"the {scan.how} of run {scan.run_id} ({scan.status}{problem}{'; ' if counts else ''}{counts})"


def sighted(sightings: Sightings | None) -> Iterator[str]:
    """What the scans within a spell prove."""
    if sightings is None:
        yield "No later scan of the segment within this time."
        return
    if sightings.last_complete_at:
        times = f"{sightings.complete:,} complete scan{'s' if sightings.complete > 1 else ''}"
        yield f"Seen again in {times}, last at {_time(sightings.last_complete_at)}."
    if sightings.confirmed:
        yield f"{sightings.confirmed:,} scans did not read it again; Intercom's count agreed with the log."
    if sightings.others:
        yield f"{sightings.others:,} scans prove nothing: they were incomplete, unconfirmed or excluded."


def removed(removal: KnownRemoval, *, is_own: bool) -> str:
    """What became of a contact."""
    who = "it" if is_own else f"contact {removal.contact_id}"
    into = f" into {removal.merged_into_contact_id if is_own else 'this contact'}" if removal.status == "merged" else ""
    happened = f" at {_time(removal.happened_at)}" if removal.happened_at else ""
    if removal.status == "active":
        return f"{who} was seen again by run {removal.run_id} at {_time(removal.observed_at)}"
    source = (
        "reported by Intercom's activity feed"
        if removal.is_reported
        else "by the answer for its id, or by Intercom's list of removed contacts: the log does not keep by which"
    )
    status = "removed for an unknown reason" if removal.status == "unknown" else removal.status
    return (
        f"{who} was {status}{into}{happened}; noticed by run {removal.run_id} at {_time(removal.observed_at)}, {source}"
    )


def notes(story: SegmentStory) -> Iterator[str]:
    """What limits the story of a segment."""
    for days in story.days_unobserved:
        yield f"No scan proves anything on {days}."
    yield from (f"The definition of the segment was edited at {_time(at)}." for at in story.edited_at)
    newest = story.newest_scan
    if newest and newest.status not in ("complete", "confirmed"):
        known = f" The state is that of {_time(story.last_complete_scan_at)}." if story.last_complete_scan_at else ""
        yield f"The newest scan, at {_time(newest.observed_at)}, is {newest.status}: it proves no absence.{known}"
    if not story.spells:
        since = f"since {story.first_known_on}" if story.first_known_on else "so far"
        yield f"No scan has seen the contact in this segment {since}."


def intercom_says(story: SegmentStory, explained: Explained) -> str | None:
    """What Intercom says of a membership now; null if it was not asked."""
    now = explained.now
    if now is None:
        return None
    if story.in_intercom is None:
        return "Intercom does not say now whether the contact is in the segment."
    says = f"Intercom says now, at {_time(now.asked_at)}: {'a member' if story.in_intercom else 'not a member'}."
    if story.in_intercom == story.is_current:
        return f"{says} That agrees."
    return f"{says} The log has the state of the last scan: a later change is recorded by the next sync."


def methods(explained: Explained) -> Iterator[str]:
    """How the evidence that is shown was asked for, each way once."""
    spells = [spell for story in explained.segments for spell in story.spells]
    used = {method(spell.entry, is_member=True) for spell in spells if spell.entry}
    used |= {method(spell.exit, is_member=False) for spell in spells if spell.exit}
    yield from (text for name, text in METHODS.items() if name in used)


def _time(at: datetime) -> str:
    return f"{utc_text(at)} UTC"
