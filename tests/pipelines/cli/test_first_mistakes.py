"""What goes wrong in a first hour: each mistake is one paragraph with the next step, and the exit code of its kind."""

import json
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.process import with_general_options_first
from pipelines.destinations import RELEASE
from pipelines.settings import ROOT

from ...support.nightly import nightly
from ...support.terminal import TOKEN, Terminal

A, S = "SOURCES__INTERCOM__ACCESS_TOKEN", "SOURCES__INTERCOM__"
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a token with a line break": ({A: f"{TOKEN}\n{TOKEN}"}, "a character that no token has"),
    "a token in curly quotes": ({A: f"“{TOKEN}”"}, "a character that no token has"),
    "a token with an invisible blank": ({A: f"{TOKEN}\u200b"}, "a character that no token has"),
    "a token of blanks": ({A: "  "}, "There is no access token"),
    "an empty token": ({A: ""}, "There is no access token"),
    "an address with a password": ({f"{S}BASE_URL": f"https://ann:{TOKEN}@host"}, "a user or a password"),
    "an address without encryption": ({f"{S}BASE_URL": "http://intercom.example"}, "without encryption"),
    "an address without a scheme": ({f"{S}BASE_URL": "api.intercom.io"}, "not an address"),
    "a misspelt setting": ({f"{S}SWEEP_BUDGTE": "1"}, f"Did you mean {S}SWEEP_BUDGET"),
    "a misspelt section": ({"SOURCE__INTERCOM__REGION": "eu"}, f"Did you mean {S}REGION"),
    "a word for a number": ({f"{S}SWEEP_BUDGET": "many"}, "has to be a whole number, not 'many'"),
    "no number": ({f"{S}SWEEP_EVERY": "nan"}, "sweep_every is a number of hours"),
    "a weak key": ({f"{S}HASH_COLUMNS": "email", f"{S}HASH_KEY": "a" * 64}, "openssl rand -hex 32"),
    "a proxy without an address": ({"ALL_PROXY": f"htp://ann:{TOKEN}@proxy"}, "variable ALL_PROXY holds no address"),
    "a proxy of another kind": ({"ALL_PROXY": "socks5://proxy:9"}, "variable ALL_PROXY names a SOCKS proxy"),
    "no certificates": ({"SSL_CERT_FILE": "/nonexistent/ca.pem"}, "variable SSL_CERT_FILE names no file"),
}
RARE = (
    "a token of blanks",
    "a token with an invisible blank",
    "an address without a scheme",
    "no number",
    "a proxy of another kind",
    "a misspelt section",
)


@pytest.mark.parametrize("mistake", nightly(MISTAKES, *RARE))
def test_a_mistake_is_an_exit_code_of_two_and_one_paragraph(terminal: Terminal, mistake: str) -> None:
    variables, next_step = MISTAKES[mistake]

    ended = terminal.run("sync", **variables)

    assert ended.exit_code == 2, ended.errors
    assert ended.is_one_paragraph, ended.errors
    assert next_step in " ".join(ended.errors.split())
    assert TOKEN not in "".join(path.read_text(errors="replace") for path in terminal.folder.glob("*.jsonl"))


def test_an_entry_of_no_proxy_that_cannot_be_read_is_no_reason_to_end(terminal: Terminal) -> None:
    ended = terminal.run("check", NO_PROXY="localhost,127.0.0.1,[::1],fd07:b51a:cc66:f0::/64")

    assert ended.exit_code == 0, ended.errors


@pytest.mark.parametrize("options", [["--quiet"], ["--log-format", "json"], ["--log-format=json"], ["--debug"]])
def test_options_of_all_commands_may_come_after_the_command(options: list[str]) -> None:
    assert with_general_options_first(["sync", *options, "--full"]) == [*options, "sync", "--full"]
    assert with_general_options_first(["forget", "--", *options]) == ["forget", "--", *options]


def test_models_after_a_check_says_that_nothing_is_loaded(terminal: Terminal) -> None:
    checked = terminal.run("check")

    ended = terminal.run("models")

    assert (checked.exit_code, ended.exit_code) == (0, 2)
    assert "yet. Run intercom-warehouse sync first." in " ".join(ended.errors.split())


def test_a_name_that_the_terminal_cannot_encode_is_printed_all_the_same(terminal: Terminal) -> None:
    terminal.workspace.rename_segment(next(iter(terminal.workspace.segments)), "Slipping 🦊 Away")

    ended = terminal.run_installed("sync", "--plan", PYTHONIOENCODING="ascii")

    assert ended.exit_code == 0, ended.errors
    assert r"\U0001f98a" in ended.output


IN_A_PROJECT = "from pipelines.cli import main; main()"


def test_a_slip_in_a_file_is_one_json_object_with_its_place(tmp_path: Path) -> None:
    for name in ("pipelines", "sources", "sandbox", "sql"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_bytes((ROOT / ".dlt" / "config.toml").read_bytes())
    (tmp_path / ".dlt" / "secrets.toml").write_text(f"[sources.intercom]\naccess_token = {TOKEN}\n")

    ended = subprocess.run(
        [sys.executable, "-c", IN_A_PROJECT, "sync", "--json", "--log-format", "json"],
        cwd=tmp_path,
        env={"WAREHOUSE__DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )

    problem, events = json.loads(ended.stdout), [json.loads(line) for line in ended.stderr.splitlines()]
    assert (ended.returncode, problem["exit_code"]) == (2, 2)
    assert "secrets.toml" in problem["problem"]
    assert "line 2, column 16" in problem["problem"]
    assert [event["event"] for event in events] == ["problem", "ended"]
    assert TOKEN not in ended.stdout + ended.stderr


def test_the_release_is_printed_with_what_an_error_may_depend_on(terminal: Terminal) -> None:
    ended = terminal.run("--version")

    numbers = [RELEASE, *map(version, ("dlt", "duckdb")), platform.python_version()]
    assert (ended.exit_code, ended.errors) == (0, "")
    assert ended.output == "intercom-warehouse {} (dlt {}, duckdb {}, Python {})\n".format(*numbers)


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_a_shell_completes_the_name_of_a_command(terminal: Terminal, shell: str) -> None:
    half = {"COMP_WORDS": "intercom-warehouse sta", "COMP_CWORD": "1"}
    half |= {"_TYPER_COMPLETE_ARGS": "intercom-warehouse sta", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}

    ended = terminal.run(_INTERCOM_WAREHOUSE_COMPLETE=f"complete_{shell}", **half)

    assert (ended.exit_code, ended.errors) == (0, "")
    assert "status" in ended.output
    assert "sync" not in ended.output


PRINT_LIMITS = """
import resource
from pipelines.cli.private_memory import keep_memory_private
keep_memory_private()
print(resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_no_core_dump_is_written() -> None:
    command = [sys.executable, "-c", PRINT_LIMITS]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=True)

    assert done.stdout == "(0, 0)\n"


def test_no_keys_of_tls_are_written_and_no_variable_of_dlt_is_read(terminal: Terminal, tmp_path: Path) -> None:
    hostile: dict[str, Any] = {
        "DLT_PROJECT_DIR": str(tmp_path),
        "DLT_CONFIG_FOLDER": ".other",
        "DLT_JSON_TYPED_PUA_START": "no number",
    }

    ended = terminal.run_installed("check", SSLKEYLOGFILE=str(tmp_path / "keys"), **hostile)

    assert ended.exit_code == 0, ended.errors
    assert not (tmp_path / "keys").exists()
