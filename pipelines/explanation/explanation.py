"""Prints the story of a contact: who it is, then each segment with its timeline, its spells and their evidence."""

from collections.abc import Iterator
from datetime import UTC, date

from rich.markup import escape

from sources.intercom.wire import named, visible

from ..commands.explain import Evidence, Explained, KnownContact, SegmentStory, Spell
from ..display import terminal
from ..messages import utc_text
from . import sentences
from .timeline import bar, legend

WIDEST_BAR = 60
DATES = 24
"""Columns that the two dates beside a bar take."""


def show_explanation(explained: Explained) -> None:
    """Personal data of the contact is shown here, and nowhere else."""
    _show_contact(explained)
    first, last = _span(explained)
    for story in explained.segments:
        terminal.stdout.print()
        _show_story(story, explained, (first, last))
    terminal.stdout.print()
    _show_limits(explained)


def _show_contact(explained: Explained) -> None:
    terminal.print_row("contact", explained.contact.contact_id)
    if who := _who(explained.contact):
        terminal.stdout.print(f"[bold]{'who':<10}[/bold] {who}", highlight=False, soft_wrap=True)
    observed = f", observed until {utc_text(explained.observed_until)} UTC" if explained.observed_until else ""
    terminal.print_row("workspace", f"{explained.workspace_id}{observed}")
    if len(explained.segments) > 1:
        terminal.print_row("segments", _count(explained))
    for removal in explained.removals:
        terminal.print_row(
            "removed" if removal.status != "active" else "returned", sentences.removed(removal, is_own=True)
        )
    for removal in explained.absorbed:
        terminal.print_row("absorbed", sentences.removed(removal, is_own=False))
    if explained.now:
        into = f" into {explained.now.merged_into_contact_id}" if explained.now.merged_into_contact_id else ""
        terminal.print_row(
            "intercom", f"says now: {explained.now.status}{into}, in {len(explained.now.segment_ids)} segments"
        )


def _who(contact: KnownContact) -> str:
    """Names and addresses as they are stored: the user has asked for this contact."""
    if not contact.is_loaded:
        return "a member of a segment that no run has read as a contact"
    columns = (contact.role, contact.name, contact.email, contact.external_id)
    return escape(visible(", ".join(text for text in columns if text)))


def _count(explained: Explained) -> str:
    stories = [one for one in explained.segments if one.spells]
    current = sum(one.is_current for one in stories)
    return f"a member of {current}, and of {len(stories) - current} before"


def _span(explained: Explained) -> tuple[date, date]:
    """The days that all timelines show."""
    firsts = [one.first_known_on for one in explained.segments if one.first_known_on]
    firsts += [spell.entered_on for one in explained.segments for spell in one.spells]
    lasts = [one.last_known_on for one in explained.segments if one.last_known_on]
    newest = explained.observed_until.astimezone(UTC).date() if explained.observed_until else date.min
    return min(firsts, default=newest), max(lasts, default=newest)


def _show_story(story: SegmentStory, explained: Explained, span: tuple[date, date]) -> None:
    deleted = " (deleted)" if story.is_deleted else ""
    name = f"[bold]{terminal.as_text(named(story.segment_name or story.segment_id))}[/bold]{deleted}"
    terminal.stdout.print(f"{name} [dim]{terminal.as_text(story.segment_id)}[/dim]", highlight=False, soft_wrap=True)
    first, last = span
    width = max(10, min(WIDEST_BAR, terminal.stdout.width - DATES))
    drawn = bar(story, first, last, width=width, is_ascii=terminal.stdout.options.ascii_only)
    terminal.stdout.print(f"{first} {drawn} {last}", highlight=False, soft_wrap=True)
    for line in _lines(story, explained):
        terminal.stdout.print(terminal.as_text(line), highlight=False, soft_wrap=True)


def _lines(story: SegmentStory, explained: Explained) -> Iterator[str]:
    for spell in story.spells:
        yield from _spell(spell, has_log=explained.has_log)
    yield from (f"  {note}" for note in sentences.notes(story))
    if says := sentences.intercom_says(story, explained):
        yield f"  {says}"


def _spell(spell: Spell, *, has_log: bool) -> Iterator[str]:
    yield f"  {spell.entered_on} {sentences.entered(spell)}, {sentences.entry_window(spell)}"
    yield from _evidence(spell.entry, is_member=True)
    if has_log:
        yield from (f"    {sentence}" for sentence in sentences.sighted(spell.sightings))
    if spell.left_on is not None:
        yield f"  {spell.left_on} {sentences.left(spell)}, {sentences.exit_window(spell)}"
        yield from _evidence(spell.exit, is_member=False)


def _evidence(change: Evidence | None, *, is_member: bool) -> Iterator[str]:
    if change:
        yield f"    {sentences.seen(change, is_member=is_member)}"


def _show_limits(explained: Explained) -> None:
    days = f"Days are those of {explained.day_timezone}."
    texts = [f"{legend(is_ascii=terminal.stdout.options.ascii_only)}. {days}" if explained.segments else days]
    if explained.now and explained.now.unseen_segment_ids:
        ids = ", ".join(explained.now.unseen_segment_ids)
        texts.append(f"Intercom says that the contact is in segments in which no scan has seen it: {ids}.")
    texts += [*sentences.methods(explained), sentences.SINGLE_CALLS] if explained.has_log else [sentences.NO_LOG]
    for text in texts:
        terminal.stdout.print(terminal.as_text(text), style="dim", highlight=False, soft_wrap=True)
