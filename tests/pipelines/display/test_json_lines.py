"""Claims about `--log-format json`: every line on standard error is one JSON object."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from pipelines.display.json_lines import JsonLinesHandler
from pipelines.display.reporting import LOGGER, watch
from sources.intercom.search import Progress

from ...support.patience import HANG_SECONDS
from ...support.terminal import CANARY, TOKEN, Terminal, a_terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with a_terminal(tmp_path / "data") as terminal:
        yield terminal


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """What this process writes."""
    written = StringIO()
    handler = JsonLinesHandler(written)
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    yield written
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(logging.NOTSET)


def events_of(errors: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in errors.splitlines()]


def of_event(events: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = (event for event in events if event["event"] == name)
    return found


def test_a_sync_logs_objects_from_its_first_step_to_its_end(terminal: Terminal) -> None:
    ended = terminal.run("--log-format", "json", "sync", "--json")

    events, outcome = events_of(ended.errors), json.loads(ended.output)
    names = [event["event"] for event in events if event["event"] not in ("fields_changed", "retry", "progress")]
    assert names == "identify read_everything read read_changes read load build publish ended".split()  # noqa: SIM905
    assert {(event["run_id"], event["workspace"]) for event in events} == {(outcome["run_id"], "intercom")}
    assert [datetime.fromisoformat(event["time"]).tzinfo for event in events] == [UTC] * len(events)
    last = {name: events[-1][name] for name in events[-1].keys() - {"time", "seconds", "run_id"}}
    assert last == {
        "level": "info",
        "event": "ended",
        "message": "Ended: done",
        "workspace": "intercom",
        "outcome": "done",
        "exit_code": 0,
        "calls": outcome["api_calls"],
        "contacts": 120,
        "memberships_changed": len(terminal.workspace.pairs()),
    }


@pytest.mark.nightly
@pytest.mark.parametrize("status", [500, 429])  # a 429 takes 10 s: a run waits for the next window
def test_a_retry_logs_its_wait_and_the_request_that_failed(terminal: Terminal, status: int) -> None:
    terminal.workspace.faults.status(status, path_prefix="/segments", headers={"retry-after": "1"})

    retry = of_event(events_of(terminal.run("--log-format", "json", "sync").errors), "retry")

    assert retry["wait_seconds"] >= 1
    assert retry["attempt"] == 1
    assert f"request {retry['request_id']}:" in retry["message"]


def test_a_problem_is_logged_with_its_exit_code_and_the_request_that_failed(terminal: Terminal) -> None:
    ended = terminal.run("--quiet", "--log-format", "json", "sync", "--json", SOURCES__INTERCOM__ACCESS_TOKEN="wrong")

    problem, last = events_of(ended.errors)
    assert (problem["event"], problem["level"], problem["exit_code"]) == ("problem", "error", 3)
    assert f"request {problem['request_id']}." in problem["message"]
    assert (last["event"], last["level"], last["outcome"], last["calls"]) == ("ended", "error", "refused", 1)
    assert json.loads(ended.output)["request_id"] == problem["request_id"]


def test_debug_adds_the_traceback_to_the_object(terminal: Terminal) -> None:
    ended = terminal.run("--debug", "--log-format", "json", "sync", SOURCES__INTERCOM__REGION="mars")

    assert ended.exit_code == 2
    assert of_event(events_of(ended.errors), "problem")["traceback"].startswith("Traceback")


@pytest.mark.nightly
def test_an_incomplete_segment_is_a_warning_with_its_id(terminal: Terminal) -> None:
    segment_id = max(terminal.workspace.segments, key=lambda one: len(terminal.workspace.members(one)))
    terminal.workspace.faults.half_page(segment_id, times=None)

    events = events_of(terminal.run("--quiet", "--log-format", "json", "sync").errors)

    incomplete = of_event(events, "segment_incomplete")
    assert (incomplete["level"], incomplete["segment_id"]) == ("warning", segment_id)
    assert (events[-1]["event"], events[-1]["level"], events[-1]["exit_code"]) == ("ended", "warning", 6)


@pytest.mark.parametrize("arguments", [["snyc"], ["sync", "--whole"], ["status", "--max-age", "soon"]])
def test_a_wrong_command_line_is_logged_as_objects_too(terminal: Terminal, arguments: list[str]) -> None:
    ended = terminal.run(*arguments, INTERCOM_WAREHOUSE_LOG_FORMAT="json")

    assert ended.exit_code == 2
    assert [(event["event"], event["exit_code"]) for event in events_of(ended.errors)] == [("problem", 2), ("ended", 2)]


def test_quiet_leaves_warnings_and_errors(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    assert terminal.run("--quiet", "--log-format", "json", "models").errors == ""


def test_progress_is_logged_at_intervals_and_totals_at_the_end(lines: StringIO) -> None:
    progress, has_logged = Progress(), threading.Event()
    progress.contacts.expect(300)
    progress.contacts.add(150)

    def clock() -> float:
        if threading.current_thread() is not threading.main_thread():
            has_logged.set()
        return 0.0

    with watch(progress, clock=clock, every_seconds=0.001):
        assert has_logged.wait(timeout=HANG_SECONDS)

    events = events_of(lines.getvalue())
    assert {event["event"] for event in events[:-1]} == {"progress"}
    metrics = {name: events[-1][name] for name in events[-1].keys() - {"time", "run_id", "workspace"}}
    assert metrics == {
        "level": "info",
        "event": "read",
        "message": "Read 150 contacts, 0 memberships, 0 segments: 0 calls, 0:00",
        "calls": 0,
        "megabytes": 0.0,
        "seconds": 0.0,
        "contacts": 150,
        "contacts_expected": 300,
        "memberships": 0,
        "segments": 0,
    }


LOGGING_ALL_OF_LIBRARIES = """
import logging, warnings
logging.getLogger().setLevel(1)
from pipelines.cli import main
warnings.warn("a warning of a library")
main()
"""


@pytest.mark.nightly
@pytest.mark.parametrize("fault", ["none", "a refusal in the middle", "a value of another type"])
def test_with_every_logger_at_its_lowest_level_all_lines_are_objects_without_secrets(
    terminal: Terminal, fault: str
) -> None:
    for contact_id in list(terminal.workspace.contacts)[:40]:
        attributes = {"name": f"{CANARY} name", "email": f"{CANARY}@example.com", "phone": CANARY}
        terminal.workspace.update(contact_id, **attributes, custom_attributes={"secret": CANARY, CANARY: 1})
    if fault == "a refusal in the middle":
        terminal.workspace.faults.status(401, times=None, path_prefix="/contacts")
    if fault == "a value of another type":
        terminal.workspace.update(min(terminal.workspace.contacts), browser={"was text": CANARY})

    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOGGING_ALL_OF_LIBRARIES, "--log-format", "json", "sync"],
        cwd="/",
        env=terminal.environment(RUNTIME__LOG_LEVEL="DEBUG"),
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )

    assert ended.returncode == (3 if fault == "a refusal in the middle" else 0)
    libraries = {event["logger"].partition(".")[0] for event in events_of(ended.stderr) if event["event"] == "library"}
    assert libraries >= ({"httpx"} if fault == "a refusal in the middle" else {"dlt", "httpx"})
    assert TOKEN not in ended.stderr
    assert CANARY not in ended.stderr
