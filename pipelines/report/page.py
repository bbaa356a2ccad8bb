"""The report as one HTML file, which loads nothing and runs no program. All names in it are text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from markupsafe import Markup

from . import charts
from .numbers import FEWEST_JOINERS, Cohort, Move, Numbers, Overlap, Segment

TEMPLATES = Path(__file__).parent / "templates"
FEWEST_MEMBERS = 20
"""A change of a smaller segment is no headline: its share says little."""
CHARTS, COHORT_TABLES, FLOWS, RETURNS, OVERLAPS, STRIPS = 9, 6, 10, 5, 12, 40
HEADLINES = 4
NEARLY_ALL = 0.995
HORIZONS = (1, 7, 14, 30, 60, 90)


@dataclass(frozen=True)
class View:
    """What the template draws, in the order in which it does."""

    numbers: Numbers
    segments: dict[str, Segment]
    headlines: Sequence[Segment]
    sizes: Sequence[tuple[Segment, charts.SizeChart]]
    listed: Sequence[tuple[Segment, str]]
    horizons: Sequence[int]
    cohorts: Sequence[tuple[Segment, Sequence[Sequence[Cohort]]]]
    flows: Sequence[Move]
    returns: Sequence[Move]
    overlapping: Sequence[Segment]
    overlaps: dict[tuple[str, str], Overlap]
    contained: Sequence[tuple[Segment, Segment]]
    strip: charts.Strip
    has_people: bool


def render(numbers: Numbers, *, focus: Sequence[str] = (), has_people: bool = False) -> str:
    """The page. `focus` names segments that come first."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late: no other command needs it

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "signed": signed, "percent": percent, "day": short_day, "shade": shade}
    css = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))  # noqa: S704  # our own file
    return environment.get_template("page.html").render(view=view_of(numbers, focus, has_people=has_people), css=css)


def view_of(numbers: Numbers, focus: Sequence[str], *, has_people: bool) -> View:
    living = [one for one in numbers.segments if not one.is_deleted]
    wanted = [name.casefold() for name in focus]
    named = [one for one in living if one.name.casefold() in wanted]
    busiest = sorted(living, key=lambda one: (one not in named, one.is_wide, -one.moves_count))
    drawn = ((one, charts.size_chart(numbers.days[one.segment_id], one.edited_on)) for one in busiest[:CHARTS])
    overlapping = [one for one in living if not one.is_wide and one.member_count][:OVERLAPS]
    segments = {one.segment_id: one for one in numbers.segments}
    moves = [one for one in numbers.moves if one.segment_id in segments and one.to_segment_id in segments]
    return View(
        numbers=numbers,
        segments=segments,
        headlines=named[:HEADLINES] or headlines(living),
        sizes=[(one, chart) for one, chart in drawn if chart],
        listed=[(one, charts.sparkline(numbers.days[one.segment_id])) for one in living],
        horizons=[days for days in HORIZONS if days <= (numbers.last_on - numbers.first_on).days],
        cohorts=_cohorts(numbers, busiest),
        flows=[one for one in moves if _is_flow(one) and not segments[one.to_segment_id].is_wide][:FLOWS],
        returns=[one for one in moves if one.days_within == 30 and one.segment_id == one.to_segment_id][:RETURNS],
        overlapping=overlapping,
        overlaps={(one.segment_id, one.other_segment_id): one for one in numbers.overlaps},
        contained=_contained(numbers, overlapping),
        strip=_strip(numbers),
        has_people=has_people,
    )


def headlines(living: Sequence[Segment]) -> list[Segment]:
    """The two largest segments that do not hold nearly all contacts, and the one that changed most for its size."""
    telling = [one for one in living if not one.is_wide and one.week_ago_count >= FEWEST_MEMBERS]
    movers = sorted(telling[2:], key=lambda one: -abs(one.change_count) / one.week_ago_count**0.5)
    return telling[:2] + movers[:1]


def _is_flow(move: Move) -> bool:
    return move.days_within == 7 and move.segment_id != move.to_segment_id


def _cohorts(numbers: Numbers, busiest: Sequence[Segment]) -> list[tuple[Segment, list[list[Cohort]]]]:
    """Of each segment with enough joins a row for each week, with a cohort for each horizon."""
    found = []
    for segment in busiest:
        weeks: dict[date, list[Cohort]] = {}
        for cohort in numbers.retention.get(segment.segment_id, ()):
            weeks.setdefault(cohort.joined_week_on, []).append(cohort)
        if sum(cohorts[0].joined_count for cohorts in weeks.values()) >= FEWEST_JOINERS:
            found.append((segment, list(weeks.values())))
    return found[:COHORT_TABLES]


def _contained(numbers: Numbers, segments: Sequence[Segment]) -> list[tuple[Segment, Segment]]:
    """Pairs of segments of which the first lies in the second as a whole."""
    pairs = [(one, other) for one in segments for other in segments if one is not other]
    shared = {(one.segment_id, one.other_segment_id) for one in numbers.overlaps if one.share_of_segment >= NEARLY_ALL}
    return [(one, other) for one, other in pairs if (one.segment_id, other.segment_id) in shared][:4]


def _strip(numbers: Numbers) -> charts.Strip:
    ordered = sorted(numbers.segments, key=lambda one: one.is_deleted)[:STRIPS]
    rows = [(one.name, numbers.days[one.segment_id], one.edited_on) for one in ordered]
    return charts.strip(rows, numbers.first_on, numbers.last_on)


def count(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def signed(number: int) -> str:
    sign = "±" if number == 0 else "+" if number > 0 else "\u2212"
    return f"{sign}{count(abs(number))}"


def percent(share: float | None) -> str:
    return "\u2013" if share is None else f"{100 * share:.0f}\u202f%"


def short_day(day: date) -> str:
    return f"{day.day} {day:%b}"


def shade(share: float) -> int:
    """How much of the heat's colour a cell has, in percent."""
    return round(8 + 84 * share)
