"""Text from outside is data at every exit: terminal, JSON, log, journal and the marts' account of the runs."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sources.intercom.wire import named, plainly, visible, without_secrets

from ...support.nightly import nightly_except
from ...support.terminal import TOKEN, Ended, Terminal

MAIL, PHONE = "ann.canary@example.com", "+353 1 555 0199"
HOSTILE = f'\x1b]0;owned\x07\x9b2J\r\n{{"event": "forged"}}\t\u202e\u200b [bold]red {MAIL} {TOKEN} Bearer {TOKEN}'
ERROR = f"{HOSTILE} {PHONE}"
COMMANDS = (
    "check",
    "sync",
    "sync --plan",
    "status",
    "verify",
    "models",
    "abort-pending",
    "repair",
    "backfill",
    "report --json",
)
OPTIONS = {
    "backfill": ["--from", "2020-01-01", "--to", "2020-01-02", "--dry-run"],
    "repair": ["--dry-run"],
    "verify": ["--sample", "5"],
}
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e]")


def hostile_names(terminal: Terminal) -> None:
    for segment_id in list(terminal.workspace.segments):
        terminal.workspace.rename_segment(segment_id, HOSTILE)
    for contact_id in list(terminal.workspace.contacts)[:3]:
        terminal.workspace.update(contact_id, name=HOSTILE)


def hostile_errors(terminal: Terminal) -> None:
    terminal.workspace.faults.status(401, times=None, message=ERROR)


def found_in(text: str) -> set[str]:
    """What must not be there."""
    return {one for one in (TOKEN, MAIL, PHONE) if one in text} | set(RAW.findall(text))


def texts_of(value: Any) -> Iterator[str]:
    """All texts in what a JSON line holds."""
    if isinstance(value, dict):
        yield from chain.from_iterable(map(texts_of, value.values()))
    elif isinstance(value, list):
        yield from chain.from_iterable(map(texts_of, value))
    elif isinstance(value, str):
        yield value.replace("\n", "")


def run(terminal: Terminal, command: str, *options: str) -> Ended:
    name, *rest = command.split()
    return terminal.run(*options, name, *rest, *OPTIONS.get(command, []))


@pytest.mark.nightly
@pytest.mark.parametrize("command", COMMANDS)
def test_hostile_names_are_data_in_what_a_command_prints(terminal: Terminal, command: str) -> None:
    terminal.copy_first_sync()
    hostile_names(terminal)
    if command in ("status", "report --json"):
        terminal.run("sync", "--quiet")

    ended = run(terminal, command)

    assert ended.exit_code in (0, 6), ended.errors
    assert found_in(ended.output + ended.errors) == set()


@pytest.mark.parametrize("command", nightly_except(["sync", "check", "verify", "sync --plan"], "sync", "check"))
@pytest.mark.parametrize("log_format", nightly_except(["human", "json"], "human", "json"))
def test_what_intercom_says_in_an_error_is_data_at_every_exit(
    terminal: Terminal, command: str, log_format: str
) -> None:
    terminal.copy_first_sync()
    hostile_errors(terminal)

    ended = run(terminal, command, "--log-format", log_format)

    assert ended.exit_code == 3, ended.errors
    printed = ended.errors if log_format == "human" else "".join(texts_of(list(map(json.loads, lines(ended)))))
    assert found_in(printed + ended.output) == set()
    assert found_in(journal(terminal.folder)) == set()


def lines(ended: Ended) -> list[str]:
    return ended.errors.splitlines()


def journal(folder: Path) -> str:
    return "".join(texts_of([json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]))


@pytest.mark.nightly
def test_what_an_earlier_release_wrote_into_the_journal_is_data_in_status_and_marts(terminal: Terminal) -> None:
    terminal.copy_first_sync()
    path = terminal.folder / "runs.jsonl"
    run = json.loads(path.read_text())
    header = f"Illegal header value b'Bearer part-one {TOKEN}\\npart-two'"
    problem = f"{ERROR.replace(TOKEN, '', 1)} (LocalProtocolError: {header})"
    failed = run | {"run_id": "20260101T000000-000000", "outcome": "unavailable", "exit_code": 4, "problem": problem}
    path.write_text(f"{path.read_text()}{json.dumps(failed)}\n")

    shown = terminal.run("status")
    listed = terminal.run("status", "--json")
    terminal.run("sync")

    with duckdb.connect(str(terminal.folder / "published.duckdb"), read_only=True) as connection:
        rows = connection.execute("select problem from intercom.sync_runs where problem is not null").fetchall()
    told = [shown.output, *texts_of(json.loads(listed.output)), *(row[0] for row in rows)]
    assert len(rows) == 1
    assert [found_in(text) - {PHONE} for text in told if found_in(text) - {PHONE}] == []
    assert "part-two" not in "".join(told)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Slipping Away", "Slipping Away"),
        ("Zoë 🦊 東京", "Zoë 🦊 東京"),
        ("a\x1b[2J\x9b\n\r\t", r"a\x1b[2J\x9b\x0a\x0d\x09"),
        ("\u202egnp.exe\u200b", r"\u202egnp.exe\u200b"),
        ("\ud83d half", r"\ud83d half"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == named(text) == shown


@pytest.mark.nightly
def test_names_are_short() -> None:
    assert len(named("x" * 10_000)) == len(plainly("x" * 10_000)) == 200


@pytest.mark.parametrize(
    "text",
    [
        "Set it to postgresql://user:password@host:5432/database, with the password percent-encoded.",
        "The run of 2026-03-02 09:30:00 read 1,234,567 contacts at https://api.intercom.io.",
        "There is no access token.",
    ],
)
def test_messages_of_ours_stay_as_they_are(text: str) -> None:
    assert visible(without_secrets(text)) == text
