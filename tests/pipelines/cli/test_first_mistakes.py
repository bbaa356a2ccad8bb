"""What goes wrong in a first hour: each mistake is one paragraph with the next step, and the exit code of its kind."""

import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
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
    "a token in straight quotes": ({A: f'"{TOKEN}"'}, "a quotation mark that is not a part of it"),
    "a header for a token": ({A: f"Bearer {TOKEN}"}, "begins with 'Bearer'"),
    "the placeholder": ({A: "put the access token here"}, "is still the placeholder of .dlt/secrets.toml"),
    "an unknown region": ({f"{S}REGION": "europe"}, "Set SOURCES__INTERCOM__REGION to us, eu or au"),
    "a negative budget": ({f"{S}SWEEP_BUDGET": "-1"}, "Set it to a number from 0 to 100,000,000"),
    "an unknown column": ({f"{S}EXCLUDE_COLUMNS": "emial"}, "Did you mean email?"),
    "an unknown attribute": ({f"{S}TRACK_ATTRIBUTES": "ownr_id"}, "Did you mean owner_id?"),
    "an unknown list": ({f"{S}RESOURCES": "tgas"}, "Did you mean tags?"),
    "an unknown destination": (
        {"WAREHOUSE__DESTINATION": "duckdbb"},
        "WAREHOUSE__DESTINATION to duckdb or ducklake or postgres",
    ),
    "a home that is missing": ({"INTERCOM_WAREHOUSE_HOME": "/nonexistent"}, "which is not a folder"),
    "a misspelt home": ({"INTERCOM_WAREHOUSE_HOEM": "/"}, "Did you mean INTERCOM_WAREHOUSE_HOME?"),
    "the home of an unknown user": ({"WAREHOUSE__DATA_DIR": "~nobody_of_that_name/x"}, "a user who has none"),
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
    "a negative budget",
    "an unknown attribute",
    "an unknown list",
    "an unknown destination",
)


@pytest.mark.parametrize("mistake", nightly(MISTAKES, *RARE))
def test_a_mistake_is_an_exit_code_of_two_and_one_paragraph(terminal: Terminal, mistake: str) -> None:
    variables, next_step = MISTAKES[mistake]

    ended = terminal.run("sync", **variables)

    assert ended.exit_code == 2, ended.errors
    assert ended.is_one_paragraph, ended.errors
    assert next_step in ended.errors, ended.errors
    assert TOKEN not in "".join(path.read_text(errors="replace") for path in terminal.folder.glob("*.jsonl"))


IN_FILES: dict[str, tuple[bytes, str]] = {
    "a token without quotes": (
        f"[sources.intercom]\naccess_token = {TOKEN}".encode(),
        "secrets.toml, line 2, column 16: Invalid value. Text has to stand in quotes",
    ),
    "a missing quote": (f'[sources.intercom]\naccess_token = "{TOKEN}\n'.encode(), "Text has to stand in quotes"),
    "typographic quotes": (f"[sources.intercom]\naccess_token = “{TOKEN}”".encode(), "stand in straight quotes"),
    "a section twice": (b"[warehouse]\n[warehouse]\n", "line 2, column 11: Cannot declare"),
    "a setting twice": (b"[warehouse]\npublish_raw = true\npublish_raw = true\n", "can be there only once"),
    "an open list": (
        b"[sources.intercom]\nresources = [",
        "line 2, column 14: Invalid value. Close what is open there",
    ),
    "another encoding": ("[sources.intercom]".encode("utf-16"), "is not UTF-8 text"),
    "a misspelt setting": (b"[sources.intercom]\nsweep_budgte = 7", "Did you mean sweep_budget?"),
    "a misspelt section": (b"[source.intercom]\nregion = 'eu'", "Did you mean [sources.intercom]?"),
    "another section": (b"[warehouse]\naccess_token = 'x'", "It belongs in [sources.intercom]."),
    "a word for a number": (b"[sources.intercom]\nsweep_budget = 'many'", "has to be a whole number, not 'many'"),
    "a word for a list": (b"[sources.intercom]\ninclude_segments = 'Paying'", "has to be a list, such as"),
}
RARE_IN_FILES = ("a missing quote", "a setting twice", "another encoding", "a misspelt section", "a word for a number")


@pytest.mark.parametrize("mistake", nightly(IN_FILES, *RARE_IN_FILES))
def test_a_mistake_in_a_file_is_one_paragraph_too(terminal: Terminal, tmp_path: Path, mistake: str) -> None:
    content, next_step = IN_FILES[mistake]
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_bytes(content)

    ended = terminal.run("sync", INTERCOM_WAREHOUSE_HOME=str(tmp_path))

    assert ended.exit_code == 2, ended.errors
    assert ended.is_one_paragraph, ended.errors
    assert next_step in ended.errors


@pytest.mark.parametrize("above", nightly(["", "[sources]\n", "[intercom]\n"], "[sources]\n"))
def test_a_token_outside_of_its_section_is_found(terminal: Terminal, tmp_path: Path, above: str) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text(f'{above}access_token = "{TOKEN}"')

    ended = terminal.run("sync", INTERCOM_WAREHOUSE_HOME=str(tmp_path), **{A: None})

    assert (ended.exit_code, ended.is_one_paragraph) == (2, True)
    assert "in [sources.intercom] of .dlt/, but one outside of it" in ended.errors


def test_a_file_that_this_user_may_not_read_is_one_paragraph(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / ".dlt" / "secrets.toml").mkdir(parents=True)  # the superuser may read each file, but no folder as one

    ended = terminal.run("sync", INTERCOM_WAREHOUSE_HOME=str(tmp_path))

    assert (ended.exit_code, ended.is_one_paragraph) == (2, True)
    assert "secrets.toml cannot be read: Is a directory." in ended.errors


def test_a_file_with_a_byte_order_mark_is_read(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_bytes(b'\xef\xbb\xbf[sources.intercom]\nregion = "europe"')

    ended = terminal.run("sync", INTERCOM_WAREHOUSE_HOME=str(tmp_path))

    assert "Intercom has no region 'europe'" in ended.errors


COMMAND_LINES: dict[str, str] = {
    "snyc": "No such command 'snyc'. Did you mean 'sync'? Run intercom-warehouse --help for its usage.",
    "sync --ful": "No such option: --ful (Possible options: --full) Run intercom-warehouse sync --help for its usage.",
    "status --max-age tomorrow": "'tomorrow' is not a duration. Use 90s, 10m, 26h, 7d or 2w. Run",
    "sync --only tgas": "No resource is called 'tgas'. Did you mean tags?",
    "sync --workspace acme": "Set the environment variable ACME__SOURCES__INTERCOM__ACCESS_TOKEN",
    "status --workspace nope": "yet. Run intercom-warehouse sync first.",
}


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_wrong_command_line_is_one_line_outside_of_a_terminal(terminal: Terminal, line: str) -> None:
    ended = terminal.run(*line.split())

    assert (ended.exit_code, ended.output, ended.errors.count("\n")) == (2, "", 1), ended.errors
    assert COMMAND_LINES[line] in ended.errors


def test_a_check_fails_where_a_sync_would(terminal: Terminal) -> None:
    no_segment = {f"{S}INCLUDE_SEGMENTS": "Evryone"}

    ended = [terminal.run(command, **no_segment) for command in ("check", "sync")]

    assert [one.exit_code for one in ended] == [2, 2]
    assert [one.errors.splitlines()[-1] for one in ended] == 2 * [
        "include_segments and exclude_segments leave none of the 6 segments to read. Nothing was written. Correct the "
        "names in these settings."
    ]


def test_a_home_folder_is_expanded_in_the_data_folder(terminal: Terminal, tmp_path: Path) -> None:
    ended = terminal.run("check", WAREHOUSE__DATA_DIR="~/warehouse", HOME=str(tmp_path))

    assert f"{tmp_path}/warehouse/warehouse.duckdb can be written" in ended.output


def test_an_entry_of_no_proxy_that_cannot_be_read_is_no_reason_to_end(terminal: Terminal) -> None:
    ended = terminal.run("check", NO_PROXY="localhost,127.0.0.1,[::1],fd07:b51a:cc66:f0::/64")

    assert ended.exit_code == 0, ended.errors


@pytest.mark.parametrize("options", [["--quiet"], ["--log-format", "json"], ["--log-format=json"], ["--debug"]])
def test_options_of_all_commands_may_come_after_the_command(options: list[str]) -> None:
    assert with_general_options_first(["sync", *options, "--full"]) == [*options, "sync", "--full"]
    assert with_general_options_first(["forget", "--", *options]) == ["forget", "--", *options]


@pytest.mark.parametrize("command", nightly(["status", "sync", "check"], "check"))
def test_another_user_is_told_whose_the_data_folder_is(terminal: Terminal, command: str) -> None:
    terminal.folder.mkdir(mode=0o700)
    if os.geteuid() != 0 or not (setpriv := shutil.which("setpriv")):
        pytest.skip("only root can give a folder to another user, and only setpriv lets root read like a user")
    os.chown(terminal.folder, 12345, 12345)
    without = "-dac_override,-dac_read_search"

    ended = terminal.run_installed(command, wrapped_by=(setpriv, f"--bounding-set={without}", f"--inh-caps={without}"))

    assert (ended.exit_code, ended.is_one_paragraph) == (2, True), ended.errors
    assert f"{terminal.folder} cannot be read by " in ended.errors
    assert "It belongs to user 12345. Run the command as the user who syncs" in ended.errors


def test_a_first_sync_calls_no_field_new(terminal: Terminal) -> None:
    ended = terminal.run("sync")

    assert ended.exit_code == 0, ended.errors
    assert "field" not in ended.output + ended.errors
    with duckdb.connect(str(terminal.folder / "published.duckdb"), read_only=True) as connection:
        sent = connection.execute("select count(*) > 0 from intercom_raw.contacts where _extra like '%sms_consent%'")
        assert sent.fetchall() == [(True,)]  # a field that Intercom sends, and does not document


def test_an_old_python_is_refused_before_anything_is_installed(tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o700)
    for name in ("Makefile", "locks", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)

    ended = subprocess.run(
        ["make", "install", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 2
    assert "intercom-warehouse needs Python 3.11 or newer: make PYTHON=python3.12" in ended.stdout
    assert not (tmp_path / ".venv").exists()


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
