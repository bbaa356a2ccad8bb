"""Claims about progress: what it shows in every state of a run, on a terminal and in a log."""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from pipelines.display.progress import ProgressMeter, ProgressMetrics, ResourceMetrics
from pipelines.display.reporting import LOGGER, repeating, watch
from pipelines.display.screen import live_display, log_line, summary
from pipelines.display.terminal import TerminalHandler
from sandbox.segments.rules import Everyone
from sources.intercom.api import WINDOW_SECONDS
from sources.intercom.search import Progress

from ...support.deployments import Deployment
from ...support.patience import HANG_SECONDS

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
QUOTA = 1000

STARTED = ProgressMetrics(
    (ResourceMetrics("contacts", 0, 0), ResourceMetrics("memberships", 0, 0), ResourceMetrics("segments", 0, 0)),
    calls=1,
    megabytes=0.0,
    seconds=0.4,
)
HALFWAY = ProgressMetrics(
    (
        ResourceMetrics("contacts", 102_600, 684, expected=205_000, per_second=9_412.7),
        ResourceMetrics("memberships", 246_000, 1_640, expected=1_230_000, per_second=8_204.3),
        ResourceMetrics("segments", 3, 1, expected=412, per_second=0.31),
    ),
    calls=2_326,
    megabytes=418.25,
    seconds=83.9,
    calls_per_window=1_328.4,
    quota=1_666,
    seconds_left=431.0,
)
LARGEST = ProgressMetrics(
    (
        ResourceMetrics("contacts", 9_999_999, 99_999, expected=9_999_999, per_second=99_999.0),
        ResourceMetrics("memberships", 99_999_999, 999_999, expected=99_999_999, per_second=99_999.0),
        ResourceMetrics("segments", 9_999, 9_999, expected=9_999, per_second=9_999.0),
    ),
    calls=1_099_999,
    megabytes=99_999.0,
    seconds=35_999.0,
    calls_per_window=1_666.0,
    quota=1_666,
    seconds_left=86_000.0,
)


def drawn(picture: RenderableType, *, width: int) -> list[str]:
    """What a terminal of `width` columns shows."""
    console = Console(file=StringIO(), width=width)
    with console.capture() as shown:
        console.print(picture)
    return [row.rstrip() for row in shown.get().splitlines()]


@dataclass
class Run:
    """A run whose reads and time the test controls."""

    progress: Progress = field(default_factory=Progress)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.progress.pacer.learn(quota_headers(), sent_at=0)
        self.meter = ProgressMeter(self.progress, clock=lambda: self.now)

    def expect(self, *, contacts: int, memberships: int, segments: int = 10) -> None:
        self.progress.contacts.expect(contacts)
        self.progress.memberships.expect(memberships)
        self.progress.segments.expect(segments)

    def read(self, seconds: int, *, contacts: int = 0, memberships: int = 0) -> ProgressMetrics:
        """Reads this many rows in each second, at most 150 a call. Returns the metrics at the end."""
        for _ in range(seconds):
            self.now += 1
            for tally, rows in ((self.progress.contacts, contacts), (self.progress.memberships, memberships)):
                for page in [150] * (rows // 150) + [rows % 150] * (rows % 150 > 0):
                    tally.add(page)
                    self.progress.usage.calls["/contacts/search"] += 1
                    self.progress.usage.bytes_received += 1000 * page
            metrics = self.meter.metrics()
        return metrics


def quota_headers() -> dict[str, str]:
    return {"x-ratelimit-limit": str(QUOTA), "x-ratelimit-remaining": str(QUOTA), "x-ratelimit-reset": "1"}


@contextmanager
def watching(progress: Progress, *, console: Console, **options: Any) -> Iterator[None]:
    """`watch` as in a command: its events are printed on the console."""
    handler = TerminalHandler(console)
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        with watch(progress, console=console, **options):
            yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(logging.NOTSET)


def test_halfway_a_terminal_of_80_columns_shows_all_metrics() -> None:
    assert drawn(live_display(HALFWAY, width=80), width=80) == [
        "  contacts      102,600 of 205,000    ━━━━━━╸        50%    684 calls   9,413/s",
        "  memberships   246,000 of 1,230,000  ━━╸            20%  1,640 calls   8,204/s",
        "  segments            3 of 412                        0%       1 call     0.3/s",
        "  2,326 calls · 1,328 per 10 s · 80% of quota · 418.2 MB      1:23 · 8 min left",
    ]


def test_at_the_start_only_what_is_known_is_shown() -> None:
    assert drawn(live_display(STARTED, width=80), width=80) == [
        "  contacts            0                                       0 calls",
        "  memberships         0                                       0 calls",
        "  segments            0                                       0 calls",
        "  1 call · 0.0 MB                                                          0:00",
    ]


@pytest.mark.parametrize("width", [20, 40, 63, 64, 79, 80, 100, 200])
@pytest.mark.parametrize("metrics", [STARTED, HALFWAY, LARGEST], ids=["started", "halfway", "largest"])
def test_no_line_wraps_on_any_terminal(metrics: ProgressMetrics, width: int) -> None:
    rows = drawn(live_display(metrics, width=width), width=width)

    assert len(rows) == 4
    assert max(map(len, rows)) <= min(width, 100)


def test_a_narrow_terminal_shows_counts_and_percentages() -> None:
    assert drawn(live_display(HALFWAY, width=50), width=50)[:3] == [
        "  contacts      102,600 of 205,000    ━━    50%",
        "  memberships   246,000 of 1,230,000  ╸     20%",
        "  segments            3 of 412               0%",
    ]


def test_a_log_line_has_the_same_metrics() -> None:
    assert log_line(HALFWAY) == (
        "102,600 of 205,000 contacts, 50%, 684 calls, 9,413/s; 246,000 of 1,230,000 memberships, 20%, 1,640 calls, "
        "8,204/s; 3 of 412 segments, 0%, 1 call, 0.3/s; 2,326 calls, 1,328 per 10 s, 80% of quota, 418.2 MB; "
        "1:23 elapsed, 8 min left"
    )


def test_the_summary_has_the_rows_the_calls_and_the_time() -> None:
    assert summary(HALFWAY) == "Read 102,600 contacts, 246,000 memberships, 3 segments: 2,326 calls, 1:23"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.2, "10 s left"),
        (41, "50 s left"),
        (50.5, "1 min left"),
        (61, "2 min left"),
        (3541, "1 h 0 min left"),
        (4000, "1 h 7 min left"),
    ],
)
def test_time_left_is_rounded_up(seconds: float | None, text: str) -> None:
    metrics = ProgressMetrics((), calls=0, megabytes=0, seconds=7, seconds_left=seconds)

    assert log_line(metrics).partition("elapsed")[2].removeprefix(", ") == text


def test_speeds_are_those_of_the_last_ten_seconds() -> None:
    run = Run()
    run.read(60, contacts=15_000)

    metrics = run.read(10, contacts=300)

    assert metrics.resources[0] == ResourceMetrics("contacts", 903_000, 6_020, per_second=300.0)
    assert (metrics.calls_per_window, metrics.percent_of_quota) == (2 * WINDOW_SECONDS, 2)
    assert (metrics.seconds, metrics.megabytes) == (70, 903.0)


def test_a_log_line_has_the_speed_since_the_last_line() -> None:
    run = Run()
    run.meter.metrics()
    run.now += 30
    run.progress.contacts.add(600)

    assert run.meter.metrics().resources[0].per_second == 20


def test_speed_and_time_left_are_unknown_in_the_first_seconds() -> None:
    run = Run()
    run.expect(contacts=100_000, memberships=0)

    early = run.read(2, contacts=1_500)
    late = run.read(1, contacts=1_500)

    assert (early.resources[0].per_second, early.calls_per_window, early.seconds_left) == (None, None, None)
    assert late.seconds_left == pytest.approx((100_000 - 4_500) / 1_500)


def test_time_left_counts_the_calls_of_memberships_that_are_still_to_come() -> None:
    run = Run()
    run.expect(contacts=30_000, memberships=60_000)

    metrics = run.read(10, contacts=1_500)

    assert metrics.seconds_left == pytest.approx((15_000 + 60_000) / 1_500)


def test_time_left_is_unknown_while_a_total_is_unknown() -> None:
    run = Run()
    run.progress.contacts.expect(100_000)

    assert run.read(10, contacts=1_500).seconds_left is None


def test_time_left_is_unknown_while_nothing_is_read() -> None:
    run = Run()
    run.expect(contacts=100_000, memberships=0)
    run.read(10, contacts=1_500)

    assert run.read(20).seconds_left is None


def test_a_total_that_turns_out_too_small_grows_with_what_is_read() -> None:
    run = Run()
    run.expect(contacts=1_000, memberships=0)

    metrics = run.read(10, contacts=150)

    assert (metrics.resources[0].expected, metrics.resources[0].percent, metrics.seconds_left) == (1_500, 100, None)


def test_lists_have_a_line_once_they_are_read() -> None:
    run = Run()
    run.expect(contacts=150, memberships=0)
    before = run.read(10, contacts=15)
    run.progress.records.expect(12_000)
    run.progress.records.add(100)

    metrics = run.read(1)

    assert [one.name for one in before.resources] == ["contacts", "memberships", "segments"]
    assert metrics.resources[-1] == ResourceMetrics("records", 100, 1, expected=12_000, per_second=100 / WINDOW_SECONDS)
    assert "100 of 12,000 records" in log_line(metrics)


def test_an_unknown_quota_is_not_shown() -> None:
    metrics = ProgressMeter(Progress()).metrics()

    assert metrics.quota is None
    assert "quota" not in log_line(metrics)


class Log(StringIO):
    """A file that sets an event when it is written to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_written = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        self.is_written.set()
        return written


def test_a_log_gets_lines_of_plain_text_while_the_block_runs_and_none_after_it() -> None:
    log, run, threads = Log(), Run(), set(threading.enumerate())
    console = Console(file=log, width=80)

    with watching(run.progress, console=console, clock=lambda: run.now, every_seconds=0.001):
        assert log.is_written.wait(timeout=HANG_SECONDS)
    lines = log.getvalue().splitlines()

    assert set(lines) == {
        "· 0 contacts, 0 calls; 0 memberships, 0 calls; 0 segments, 0 calls; 0 calls, 0.0 MB; 0:00 elapsed"
    }
    assert set(threading.enumerate()) <= threads


def test_a_run_shorter_than_the_interval_leaves_no_line_in_a_log() -> None:
    log = StringIO()

    with watching(Run().progress, console=Console(file=log)):
        pass

    assert log.getvalue() == ""


def test_a_failing_block_ends_the_lines_of_a_log() -> None:
    threads = set(threading.enumerate())

    with pytest.raises(ZeroDivisionError), repeating(lambda: None, 3600):
        _ = 1 / 0

    assert set(threading.enumerate()) <= threads


def terminal(**options: Any) -> tuple[Console, StringIO]:
    shown = StringIO()
    return Console(file=shown, force_terminal=True, width=80, **options), shown


def test_a_terminal_is_left_with_a_line_of_what_was_read() -> None:
    console, shown = terminal(color_system=None)
    run = Run()

    with watching(run.progress, console=console, clock=lambda: run.now):
        run.read(8, contacts=150)

    assert shown.getvalue().count(HIDE_CURSOR) == shown.getvalue().count(SHOW_CURSOR) == 1
    assert shown.getvalue().splitlines()[-1].endswith("· Read 1,200 contacts, 0 memberships, 0 segments: 8 calls, 0:08")


def test_a_failing_block_gives_the_terminal_its_cursor_back_and_leaves_nothing_on_it() -> None:
    console, shown = terminal()

    with pytest.raises(ZeroDivisionError), watching(Run().progress, console=console):
        _ = 1 / 0

    before, _, after = shown.getvalue().rpartition(SHOW_CURSOR)
    assert HIDE_CURSOR in before
    assert re.sub(r"\x1b\[\d*[A-Z]", "", after).strip() == ""


@pytest.mark.nightly
def test_nothing_of_a_contact_and_no_name_of_a_segment_is_shown(deployment: Deployment) -> None:
    deployment.workspace.make_segment("canary segment", Everyone())
    for contact_id in deployment.workspace.contacts:
        deployment.workspace.update(contact_id, name="canary name", email="canary@example.com")
    console, shown = terminal()
    log = StringIO()

    deployment.sync(watch=partial(watching, console=console))
    deployment.sync(watch=partial(watching, console=Console(file=log), every_seconds=0.001), full=True)

    assert "MB" in shown.getvalue()
    assert "MB" in log.getvalue()
    assert "canary" not in shown.getvalue() + log.getvalue()


def test_a_terminal_that_cannot_move_its_cursor_gets_lines_as_a_log_does() -> None:
    console, shown = terminal(_environ={"TERM": "dumb"})

    with watching(Run().progress, console=console):
        pass

    assert shown.getvalue() == ""
