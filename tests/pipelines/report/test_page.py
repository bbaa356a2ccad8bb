"""The report's page: what it says, what it never holds, and what a browser makes of it."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelines.commands import Report
from pipelines.errors import Misconfigured
from pipelines.report import Numbers, render
from pipelines.report.numbers import Day, Overlap
from sandbox.segments.rules import Tagged

from ...support.chromium import NEEDS_CHROMIUM, browser
from ...support.deployments import Deployment, lively_workspace
from ...support.personal_data import CANARY
from ...support.snapshots import copied

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("report")]  # all tests but one read one warehouse
DAYS, MISSED, EDITED = 9, (3, 4), 6
HOSTILE = (
    "<script>alert(1)</script>",
    "</title><script>alert(2)</script>",
    "</style><img src=x onerror=alert(3)>",
    '" onmouseover="alert(4)',
    "' onload='alert(5)",
    "{{ view.numbers }}{% include 'style.css' %}",
    "javascript:alert(6)",
    "\u202egnitavorP",
    "line\r\nbreak\x1b[2J",
    "&lt;b&gt;&amp;",
    "long " * 60,
)


@pytest.fixture
def lived(tmp_path: Path) -> Deployment:
    """Nine days: two were not observed, and a segment was edited."""

    def live(folder: Path) -> None:
        live_days(Deployment(folder, lively_workspace(contacts=200)))

    folder = copied("nine days", live, tmp_path / "data")
    return Deployment(folder, lively_workspace(contacts=200))


def live_days(deployment: Deployment) -> None:
    workspace = deployment.workspace
    for day in range(DAYS):
        if day == EDITED:
            workspace.edit_segment(max(workspace.segments), Tagged("beta"))
        for contact_id in sorted(workspace.contacts)[:20]:
            workspace.update(contact_id, name=f"Ann {CANARY}", email=f"ann-{contact_id[-4:]}@{CANARY}.example.com")
        if day not in MISSED:
            _ = deployment.load() if day < DAYS - 1 else deployment.sync()
        workspace.live(days=1, churn=0.1)


@pytest.fixture
def numbers(lived: Deployment) -> Numbers:
    return Report(lived.warehouse).numbers()


def test_sizes_and_totals_are_those_of_the_marts(lived: Deployment, numbers: Numbers) -> None:
    sizes = {one.segment_id: one.member_count for one in numbers.segments}

    ((people,),) = lived.query("select count(distinct contact_id) from intercom.current_segment_members")
    assert sizes == dict(lived.query("select segment_id, member_count from intercom.segments"))
    assert numbers.totals.members_count == people
    assert len(numbers.unobserved_days) == len(MISSED)


def test_the_week_before_is_counted_day_by_day(numbers: Numbers) -> None:
    for segment in numbers.segments:
        week = [day for day in numbers.days[segment.segment_id] if numbers.last_on - day.day < timedelta(days=7)]
        moved = sum((day.entered_count or 0) - (day.left_count or 0) - (day.other_count or 0) for day in week)
        assert segment.change_count == moved
        assert segment.change_count == segment.joined_count - segment.left_count + segment.other_count
    assert sum(one.joined_count for one in numbers.segments) == numbers.totals.joins_count


def test_missed_days_are_hatched_and_edits_are_marked(numbers: Numbers) -> None:
    page = render(numbers)

    assert "Nothing was observed on 2 of 9 days." in page
    assert page.count('<rect class="gap"') >= len(numbers.segments)
    assert "the segment was edited in Intercom" in page
    assert "<em>edited</em>" in page


def test_a_segment_in_focus_comes_first(numbers: Numbers) -> None:
    smallest = numbers.segments[-1].name

    page = render(numbers, focus=[smallest.upper()])

    headline, caption = page.partition("<h1>")[2], page.partition("<figcaption>")[2]
    assert headline.startswith(f'<bdi class="name">{smallest}') or caption.startswith(f'<bdi class="name">{smallest}')


@pytest.mark.parametrize("name", [".", "/", "folder", "missing/page.html"])
def test_a_page_that_cannot_be_written_is_told(lived: Deployment, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    out = Path(name) if name in (".", "/") else tmp_path / name

    with pytest.raises(Misconfigured, match="cannot be written"):
        Report(lived.warehouse).write(out)

    assert not list((tmp_path / "folder").iterdir())


def test_nothing_of_a_contact_is_in_it_unless_asked_for(lived: Deployment, tmp_path: Path) -> None:
    people = lived.query("select contact_id, name, email from intercom.contacts")

    page = Report(lived.warehouse).write(tmp_path / "page.html").read_text()
    with_people = Report(lived.warehouse, with_people=True).write(tmp_path / "people.html").read_text()

    assert [text for person in people for text in person if text and len(text) > 3 and text in page] == []
    assert CANARY not in page
    assert any(name in with_people for _, name, _ in people if name)
    assert with_people.count("ersonal data") == 2
    assert (tmp_path / "page.html").stat().st_mode & 0o077 == 0


def test_any_first_day_gives_a_page(lived: Deployment, numbers: Numbers) -> None:
    """Segments and moves of before that day are in some marts and not in others."""
    for day in range((numbers.last_on - numbers.first_on).days + 1):
        report = Report(lived.warehouse, since=numbers.first_on + timedelta(day), with_people=True)

        page = render(report.numbers(), has_people=True)

        assert "</html>" in page
    assert "Changes show from the second day on." in page


class Tags(HTMLParser):
    """Collects tags and attributes, and checks that no attribute is one that loads or runs something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags = set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("src", "href", "action", "xlink:href")
            assert name != "style" or re.fullmatch(r"--share:\d+%", value or "")


def renamed(numbers: Numbers, names: tuple[str, ...]) -> Numbers:
    segments = [
        msgspec.structs.replace(one, name=names[number % len(names)]) for number, one in enumerate(numbers.segments)
    ]
    return replace(numbers, segments=tuple(segments))


def test_hostile_names_are_text(numbers: Numbers) -> None:
    plain, hostile = Tags(), Tags()
    plain.feed(render(numbers))

    page = render(renamed(numbers, HOSTILE))

    hostile.feed(page)
    assert hostile.tags == plain.tags
    assert "://" not in page
    assert page.count("default-src 'none'") == 1


def test_hostile_names_in_intercom_are_made_visible(make_deployment: Callable[..., Deployment]) -> None:
    deployment = make_deployment(contacts=60, segments=3)
    for segment_id, name in zip(
        deployment.workspace.segments, ("\u202egnitavorP\x07", "ann@example.com"), strict=False
    ):
        deployment.workspace.rename_segment(segment_id, name)
    deployment.sync()

    page = render(Report(deployment.warehouse).numbers())

    assert "\u202e" not in page
    assert "\x07" not in page
    assert "ann@example.com" not in page


def years(numbers: Numbers, segments: int, days: int) -> Numbers:
    """Many segments over many days, each with some of everything."""
    first, model = date(2025, 1, 1), numbers.segments[0]
    made = [
        msgspec.structs.replace(model, segment_id=f"s{number}", name=f"Segment {number}", is_wide=False)
        for number in range(segments)
    ]
    known = {
        one.segment_id: [
            Day(one.segment_id, first + timedelta(day), "unobserved", None, 500, None, None, None)
            if day % 50 == 7
            else Day(one.segment_id, first + timedelta(day), "swept", 500 + day, 500 + day, day % 9, day % 7, day % 3)
            for day in range(days)
        ]
        for one in made
    }
    overlaps = [Overlap(one.segment_id, other.segment_id, 5, 0.5, 0.2) for one in made[:20] for other in made[:20]]
    last = first + timedelta(days - 1)
    return replace(
        numbers,
        segments=tuple(made),
        days=known,
        overlaps=tuple(overlaps),
        first_on=first,
        last_on=last,
        moves=(),
        tenure=(),
    )


def test_two_hundred_segments_over_four_hundred_days_make_less_than_three_megabytes(numbers: Numbers) -> None:
    assert len(render(years(numbers, 200, 400)).encode()) < 3_000_000


@pytest.mark.nightly
@NEEDS_CHROMIUM
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_a_request_an_error_or_a_sideways_scroll(
    numbers: Numbers, tmp_path: Path, width: int
) -> None:
    file = tmp_path / "page.html"
    file.write_text(render(renamed(numbers, HOSTILE)), encoding="utf-8")

    with browser(tmp_path / "profile") as page:
        page.open(file, width=width, height=900)
        requested = [one["request"]["url"] for one in page.reported("Network.requestWillBeSent")]
        shown: Any = page.value("document.documentElement.scrollWidth")
        picture = page.screenshot()

        assert requested == [file.as_uri()]
        assert page.reported("Runtime.exceptionThrown") == []
        assert page.reported("Log.entryAdded") == []
        assert shown == width
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 20_000
