"""The timeline of a contact in a segment: a cell for each day, or for several days where they do not fit."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from enum import IntEnum
from math import ceil

from ..commands.explain import SegmentStory, Spell
from ..commands.status import Days

DAY = timedelta(days=1)


class Cell(IntEnum):
    """What is known of a day. Of several days the largest counts."""

    OUT = 0
    UNOBSERVED = 1
    MEMBER_UNOBSERVED = 2
    MEMBER = 3


BLOCKS = "·░▒█"
ASCII = ".-=#"
MEANINGS = ("not a member", "not observed", "a member, not observed", "a member")
"""Of the cells, in their order."""


def bar(story: SegmentStory, first: date, last: date, *, width: int, is_ascii: bool) -> str:
    """The days from the first to the last one, in at most `width` cells."""
    step = max(1, ceil(((last - first).days + 1) / width))
    cells = cells_of(story, first, last)
    return "".join((ASCII if is_ascii else BLOCKS)[max(cells[at : at + step])] for at in range(0, len(cells), step))


def legend(*, is_ascii: bool) -> str:
    """What the cells mean."""
    signs = ASCII if is_ascii else BLOCKS
    return ", ".join(f"{sign} {meaning}" for sign, meaning in reversed(list(zip(signs, MEANINGS, strict=True))))


def cells_of(story: SegmentStory, first: date, last: date) -> list[Cell]:
    """A cell a day. Before the segment was known, and after it was deleted, nothing was observed."""
    known = (story.first_known_on or last + DAY, story.last_known_on or last)
    return [_cell(day, story.spells, story.days_unobserved, known) for day in _days(first, last)]


def _cell(day: date, spells: Sequence[Spell], unobserved: Sequence[Days], known: tuple[date, date]) -> Cell:
    is_observed = known[0] <= day <= known[1] and not any(days.first <= day <= days.last for days in unobserved)
    if any(spell.entered_on <= day and (spell.left_on is None or day < spell.left_on) for spell in spells):
        return Cell.MEMBER if is_observed else Cell.MEMBER_UNOBSERVED
    return Cell.OUT if is_observed else Cell.UNOBSERVED


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(number) for number in range((last - first).days + 1))
