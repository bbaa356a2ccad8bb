"""Claims about the command line. Each command runs as a process, with only the variables that it needs."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from pipelines.errors import ExitCode
from pipelines.settings import ROOT

from ...support.nightly import nightly, nightly_except
from ...support.patience import HANG_SECONDS
from ...support.terminal import CANARY, COMMAND, LOGGING_ALL, TOKEN, Terminal


def test_a_sync_works_from_any_folder_with_a_bare_environment(terminal: Terminal) -> None:
    ended = terminal.run_installed("sync")
    status = terminal.run_installed("status")

    assert ended.exit_code == 0, ended.errors
    assert status.exit_code == 0, status.errors
    assert "120 contacts read" in ended.output
    with duckdb.connect(str(terminal.folder / "published.duckdb"), read_only=True) as connection:
        members = connection.execute("select segment_id, contact_id from intercom.current_segment_members").fetchall()
    assert set(members) == terminal.workspace.pairs()


def test_only_the_owner_can_read_what_is_written(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    modes = {path.stat().st_mode & 0o077 for path in terminal.folder.rglob("*")}
    assert modes == {0}


def test_what_dlt_stores_for_itself_is_in_the_data_folder(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    assert (terminal.folder / "pipelines" / ".anonymous_id").is_file()


def test_json_is_one_object_on_standard_output(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    ended = terminal.run("sync", "--json")

    outcome = json.loads(ended.output)
    assert outcome["exit_code"] == 0
    assert outcome["members"] == len(terminal.workspace.pairs())


def test_quiet_prints_only_the_result(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    ended = terminal.run("--quiet", "sync")

    assert re.search(r"\d+ contacts? read", ended.output)
    assert ended.errors == ""


ALL_LISTS = {"SOURCES__INTERCOM__RESOURCES": None}
"""Those of the defaults."""


def test_a_plan_prints_what_a_sync_would_cost_and_loads_nothing(terminal: Terminal) -> None:
    planned = json.loads(terminal.run("--quiet", "sync", "--plan", "--json", **ALL_LISTS).output)
    shown = terminal.run("--quiet", "sync", "--plan", **ALL_LISTS)
    synced = json.loads(terminal.run("--quiet", "sync", "--json", **ALL_LISTS).output)

    assert {sweep["segment_id"] for sweep in planned["sweeps"]} == set(terminal.workspace.segments)
    assert {sweep["why"] for sweep in planned["sweeps"]} == {"never swept"}
    assert planned["contacts"] == len(terminal.workspace.contacts) == synced["contacts_read"]
    # of contacts with more than ten companies or tags
    unknown = [one for one in planned["lists"] if one["calls"] is None]
    assert abs(planned["calls"] - synced["api_calls"]) <= 2 + 2 * len(unknown)
    assert {one["table_name"] for one in planned["lists"]} == synced["lists"].keys() | {"contact_tag_changes"}
    assert planned["megabytes"] == pytest.approx(synced["megabytes"], rel=0.3)
    assert f"about {planned['calls']} calls" in shown.output


def test_a_plan_of_lists_alone_counts_neither_contacts_nor_segments(terminal: Terminal) -> None:
    nowhere = {"WAREHOUSE__DATA_DIR": str(terminal.folder.with_name("nowhere"))}
    too_early = terminal.run("--quiet", "sync", "--plan", "--only", "tags,companies", **nowhere)
    terminal.copy_first_sync()
    planned = json.loads(terminal.run("--quiet", "sync", "--plan", "--only", "tags,companies", "--json").output)
    shown = terminal.run("--quiet", "sync", "--plan", "--only", "tags,companies")
    synced = json.loads(terminal.run("--quiet", "sync", "--only", "tags,companies", "--json").output)

    assert too_early.exit_code == ExitCode.USAGE
    assert "was never synced" in too_early.errors
    assert (planned["contacts"], planned["sweeps"], planned["cursor_reads"]) == (0, [], [])
    assert {one["table_name"] for one in planned["lists"]} == {"tags", "companies"} == synced["lists"].keys()
    assert synced["api_calls"] <= planned["calls"] <= synced["api_calls"] + 2
    assert planned["seconds"] >= 1
    assert "2 to read, and neither contacts nor segments" in shown.output


def test_an_error_is_one_json_object_too(terminal: Terminal) -> None:
    ended = terminal.run("sync", "--json", SOURCES__INTERCOM__ACCESS_TOKEN="wrong")

    assert json.loads(ended.output)["exit_code"] == ended.exit_code == 3


REFUSALS: dict[str, tuple[dict[str, Any], int, str]] = {
    "a wrong token": ({"SOURCES__INTERCOM__ACCESS_TOKEN": "wrong"}, 3, "SOURCES__INTERCOM__ACCESS_TOKEN"),
    "no token": ({"SOURCES__INTERCOM__ACCESS_TOKEN": None}, 2, "SOURCES__INTERCOM__ACCESS_TOKEN"),
    "another region": ({"SOURCES__INTERCOM__REGION": "eu"}, 2, "SOURCES__INTERCOM__REGION to us"),
    "no region": ({"SOURCES__INTERCOM__REGION": "mars"}, 2, "us, eu or au"),
    "an unknown version": ({"SOURCES__INTERCOM__API_VERSION": "9.9"}, 3, "SOURCES__INTERCOM__API_VERSION"),
    "an old version": ({"SOURCES__INTERCOM__API_VERSION": "2.3"}, 2, "from 2.7 on"),
    "an unreachable host": ({"SOURCES__INTERCOM__BASE_URL": "http://127.0.0.1:9"}, 4, "later"),
    "a number that is not one": ({"SOURCES__INTERCOM__OVERLAP": "soon"}, 2, "overlap"),
    "a negative wait": ({"WAREHOUSE__WAIT_FOR_READERS": "-1"}, 2, "wait_for_readers"),
    "a data folder that cannot exist": ({"WAREHOUSE__DATA_DIR": "/dev/null/data"}, 2, "WAREHOUSE__DATA_DIR"),
}


@pytest.mark.parametrize(
    ("command", "mistake"),
    nightly(product(["sync", "check"], REFUSALS), ("check", "an unreachable host"), ("sync", "an unreachable host")),
)
def test_a_mistake_is_reported_in_a_paragraph_with_the_next_step(
    terminal: Terminal, command: str, mistake: str
) -> None:
    variables, exit_code, next_step = REFUSALS[mistake]

    ended = terminal.run(command, **variables)

    assert ended.exit_code == exit_code
    assert ended.is_one_paragraph, ended.errors
    assert next_step in " ".join(ended.errors.split())


def test_a_refusal_in_the_middle_of_a_run_is_reported_in_one_paragraph(terminal: Terminal) -> None:
    terminal.workspace.faults.status(401, times=None, path_prefix="/contacts")

    ended = terminal.run("--quiet", "sync")

    assert ended.exit_code == 3
    assert ended.is_one_paragraph, ended.errors


@pytest.mark.parametrize(("arguments", "start"), [(["--help"], ""), (["status", "--json"], "There is no warehouse")])
def test_a_closed_output_gives_no_traceback(tmp_path: Path, arguments: list[str], start: str) -> None:
    environment = {"WAREHOUSE__DATA_DIR": str(tmp_path)}
    command = [str(COMMAND), *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        errors = running.stderr.read().decode()

    assert errors.startswith(start)
    assert "Traceback" not in errors
    assert "leaked" not in errors  # DuckDB prints that when Python's cleanup frees it


@pytest.fixture
def _in_the_foreground() -> Iterator[None]:
    """A process that was started in the background may ignore Ctrl+C, and its children then ignore it, too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_in_the_foreground")
def test_ctrl_c_ends_a_run_with_one_line_and_the_next_run_works(terminal: Terminal) -> None:
    terminal.copy_first_sync()
    terminal.workspace.faults.status(429, times=None, path_prefix="/contacts", headers={"retry-after": "60"})
    running = subprocess.Popen(
        [COMMAND, "sync"],
        cwd="/",
        env=terminal.environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert running.stderr
    while "Reading" not in (line := running.stderr.readline()):
        assert line, "the run ended before it read anything"

    running.send_signal(signal.SIGINT)
    errors = running.communicate(timeout=HANG_SECONDS)[1]
    terminal.workspace.faults.clear()

    assert running.returncode == 130
    assert errors.splitlines()[-1].startswith("Interrupted.")
    assert errors.count("\n") <= 2
    assert terminal.run("sync").exit_code == 0


INTERRUPTED_AT = """
import sys
class Interrupting:
    def find_spec(self, name, *rest):
        if name == "{module}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from pipelines.__main__ import main
sys.argv[1:] = ["status"]
main()
"""


@pytest.mark.parametrize("module", ["typer", "pipelines.commands.status"], ids=["at the start", "in a command"])
def test_ctrl_c_before_a_run_is_one_line(terminal: Terminal, module: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED_AT.replace("{module}", module)]

    ended = subprocess.run(command, cwd=ROOT, env=terminal.environment(), capture_output=True, text=True, check=False)

    assert ended.returncode == 130
    assert ended.stderr.startswith("Interrupted.")
    assert ended.stderr.count("\n") == 1


def test_a_read_only_data_folder_is_reported_in_one_paragraph(terminal: Terminal) -> None:
    setpriv = shutil.which("setpriv")
    if os.geteuid() == 0 and setpriv is None:
        pytest.skip("the superuser can write everywhere, and without setpriv it cannot drop that capability")
    unprivileged = (setpriv, "--bounding-set=-dac_override", "--inh-caps=-dac_override") if os.geteuid() == 0 else ()
    terminal.folder.mkdir()
    terminal.folder.chmod(0o500)

    ended = terminal.run_installed("sync", wrapped_by=tuple(word for word in unprivileged if word))

    assert ended.exit_code == 2
    assert ended.is_one_paragraph, ended.errors
    assert "WAREHOUSE__DATA_DIR" in ended.errors


def test_a_file_that_is_not_a_warehouse_is_reported_and_not_changed(terminal: Terminal) -> None:
    terminal.folder.mkdir()
    file = terminal.folder / "warehouse.duckdb"
    file.write_text("not a database, but a user's notes\n" * 1000)

    ended = terminal.run("sync")

    assert ended.exit_code == 2
    assert ended.is_one_paragraph, ended.errors
    assert file.read_text().startswith("not a database")


def test_check_prints_one_line_for_each_requirement_of_a_sync(terminal: Terminal) -> None:
    ended = terminal.run_installed("check")

    assert ended.exit_code == 0, ended.errors
    names = [line.split()[1] for line in ended.output.splitlines()]
    assert names == [
        "settings",
        "token",
        "clock",
        "scopes",
        "segments",
        "lists",
        "quota",
        "lock",
        "warehouse",
        "workspace",
        "log",
    ]


def test_check_names_the_lists_that_a_sync_leaves_out(terminal: Terminal) -> None:
    chosen = {"SOURCES__INTERCOM__RESOURCES": '["tags", "articles", "companies"]'}
    offered = terminal.run("check", **chosen)
    terminal.workspace.lists["articles"].is_refused = True
    refused = terminal.run("check", **chosen)
    none = terminal.run("check")

    assert "lists      3 chosen\n" in offered.output
    assert "3 chosen; a sync leaves out what Intercom refuses: articles (scope" in refused.output
    assert "none chosen beside contacts and segments" in none.output
    assert (offered.exit_code, refused.exit_code, none.exit_code) == (0, 0, 0)


@pytest.mark.parametrize("table", ["company_notes", "newsfeed_items"])
def test_check_tries_lists_of_parents_with_one_of_these(terminal: Terminal, table: str) -> None:
    chosen = {"SOURCES__INTERCOM__RESOURCES": json.dumps([table])}
    offered = terminal.run("check", **chosen)
    terminal.workspace.lists[table].is_refused = True
    refused = terminal.run("check", **chosen)

    assert "refuses" not in offered.output
    assert f"a sync leaves out what Intercom refuses: {table} (scope" in refused.output
    assert (offered.exit_code, refused.exit_code) == (0, 0)


def test_check_ends_as_the_sync_would_where_an_entry_matches_no_segment(terminal: Terminal) -> None:
    name = next(iter(terminal.workspace.segments.values())).name
    partly = terminal.run("check", SOURCES__INTERCOM__INCLUDE_SEGMENTS=json.dumps([name, "Evryone"]))
    wholly = terminal.run("check", SOURCES__INTERCOM__INCLUDE_SEGMENTS=json.dumps(["Evryone"]))

    assert partly.exit_code == ExitCode.INCOMPLETE, partly.errors
    assert "?? segments   1 of 6 followed" in partly.output
    assert "include_segments names 'Evryone'" in partly.output
    assert wholly.exit_code == ExitCode.USAGE
    assert wholly.is_one_paragraph, wholly.errors


def test_a_sync_that_does_not_wait_names_the_process_that_has_the_warehouse_open(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    with duckdb.connect(str(terminal.folder / "warehouse.duckdb"), read_only=True):
        ended = terminal.run("sync", WAREHOUSE__WAIT_FOR_READERS="0")

    assert ended.exit_code == 5
    assert f"(process {os.getpid()})" in " ".join(ended.errors.split())
    assert "published.duckdb" in " ".join(ended.errors.split())


def test_a_reader_of_the_published_copy_blocks_no_sync(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    with duckdb.connect(str(terminal.folder / "published.duckdb"), read_only=True):
        assert terminal.run("sync").exit_code == 0


@pytest.mark.nightly
def test_another_workspace_needs_its_own_token(terminal: Terminal) -> None:
    missing = terminal.run("sync", "--workspace", "acme")
    given = terminal.run("sync", "--workspace", "acme", ACME__SOURCES__INTERCOM__ACCESS_TOKEN=TOKEN)

    assert missing.exit_code == 2
    assert "ACME__SOURCES__INTERCOM__ACCESS_TOKEN" in " ".join(missing.errors.split())
    assert given.exit_code == 0, given.errors


@pytest.mark.nightly
def test_a_real_sync_does_not_write_into_the_demo(terminal: Terminal) -> None:
    demo = terminal.run("demo", "--contacts", "60", "--days", "2")

    ended = [terminal.run(command) for command in ("sync", "check")]

    assert demo.exit_code == 0, demo.errors
    assert [one.exit_code for one in ended] == [2, 2]
    assert all("demo" in one.errors for one in ended)


@pytest.mark.nightly
def test_the_demo_does_not_touch_a_real_warehouse(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    ended = terminal.run("demo", "--contacts", "60", "--days", "2")

    assert ended.exit_code == 2
    assert "WAREHOUSE__DATA_DIR" in ended.errors


def test_the_demo_prints_a_query_that_works_as_pasted(terminal: Terminal) -> None:
    ended = terminal.run("demo", "--contacts", "60", "--days", "2")

    snippet = ended.output[ended.output.index("import duckdb") :]
    pasted = subprocess.run([sys.executable, "-c", snippet], cwd="/", capture_output=True, text=True, check=True)
    assert len(pasted.stdout.splitlines()) == 2


@pytest.mark.nightly
def test_models_rebuilds_the_marts_without_a_call_to_intercom(terminal: Terminal) -> None:
    terminal.copy_first_sync()
    calls = terminal.workspace.calls.total()

    ended = terminal.run("--log-format", "json", "models")

    assert ended.exit_code == 0, ended.errors
    assert terminal.workspace.calls.total() == calls
    run = json.loads((terminal.folder / "runs.jsonl").read_text().splitlines()[-1])
    assert (run["command"], run["workspace_id"], run["outcome"]) == ("models", "sandbox", "done")
    assert json.loads(ended.errors.splitlines()[-1])["run_id"] == run["run_id"]


def test_models_without_a_warehouse_advises_to_sync_first(terminal: Terminal) -> None:
    ended = terminal.run("models")

    assert ended.exit_code == 2
    assert "sync first" in " ".join(ended.errors.split())


def test_a_run_refused_for_a_busy_warehouse_is_journaled_too(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    with FileLock(terminal.folder / "lock"):
        ended = terminal.run("sync")

    assert ended.exit_code == 5
    journal = (terminal.folder / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["outcome"] for line in journal] == ["done", "busy"]


Prepare = Callable[["Terminal"], None]


def nothing(_: Terminal) -> None:
    """Leaves everything as it is."""


def sync(terminal: Terminal) -> None:
    terminal.copy_first_sync()


def replace_a_table_by_another(terminal: Terminal) -> None:
    sync(terminal)
    with duckdb.connect(str(terminal.folder / "warehouse.duckdb")) as connection:
        connection.execute("drop table intercom_raw.segment_scans")
        connection.execute("create view intercom_raw.segment_scans as select 'elsewhere' as workspace_id")


def return_half_pages(terminal: Terminal) -> None:
    for segment_id in terminal.workspace.segments:
        terminal.workspace.faults.half_page(segment_id, times=None)


def hold_the_warehouse(terminal: Terminal) -> None:
    sync(terminal)
    terminal.held.enter_context(FileLock(terminal.folder / "lock"))


def miscount_a_scan(terminal: Terminal) -> None:
    sync(terminal)
    with duckdb.connect(str(terminal.folder / "warehouse.duckdb")) as connection:
        connection.execute("update intercom_raw.segment_scans set members = members + 1")


def stop_syncing_for_days(terminal: Terminal) -> None:
    sync(terminal)
    journal = terminal.folder / "runs.jsonl"
    run = json.loads(journal.read_text())
    journal.write_text(json.dumps(run | {"ended_at": "2026-03-02T09:00:00+00:00"}))


def lose_the_memberships(terminal: Terminal) -> None:
    """Nothing explains this difference."""
    sync(terminal)
    with duckdb.connect(str(terminal.folder / "warehouse.duckdb")) as connection:
        connection.execute("delete from intercom_raw.membership_changes")


UNREACHABLE = (ExitCode.UNAVAILABLE, "sync", nothing, {"SOURCES__INTERCOM__BASE_URL": "http://127.0.0.1:9"})
EXIT_CODES: list[tuple[ExitCode, str, Prepare, dict[str, Any]]] = [
    (ExitCode.DONE, "sync", sync, {}),
    (ExitCode.DONE, "status --max-age 1h", sync, {"SOURCES__INTERCOM__ACCESS_TOKEN": None}),
    (ExitCode.UNEXPECTED, "sync", replace_a_table_by_another, {}),
    (ExitCode.USAGE, "sync --whole", nothing, {}),
    (ExitCode.USAGE, "sync", nothing, {"SOURCES__INTERCOM__ACCESS_TOKEN": None}),
    (ExitCode.USAGE, "status", nothing, {}),
    (ExitCode.REFUSED, "sync", nothing, {"SOURCES__INTERCOM__ACCESS_TOKEN": "wrong"}),
    UNREACHABLE,
    (ExitCode.BUSY, "sync", hold_the_warehouse, {}),
    (ExitCode.INCOMPLETE, "sync", return_half_pages, {}),
    (ExitCode.INCOMPLETE, "verify", lose_the_memberships, {}),
    (ExitCode.INCOMPLETE, "status --max-age 26h", stop_syncing_for_days, {}),
    (ExitCode.MODELS_FAILED, "models", miscount_a_scan, {}),
    (ExitCode.MODELS_FAILED, "sync", miscount_a_scan, {}),
]
"""All but 130, which test_ctrl_c_ends_a_run_with_one_line_and_the_next_run_works reaches."""


@pytest.mark.parametrize(("exit_code", "command", "prepare", "variables"), nightly(EXIT_CODES, UNREACHABLE))
def test_a_command_ends_with_the_exit_code_of_what_happened(
    terminal: Terminal, exit_code: ExitCode, command: str, prepare: Prepare, variables: dict[str, Any]
) -> None:
    with terminal.held:
        prepare(terminal)

        ended = terminal.run(*command.split(), **variables)

    assert ended.exit_code == exit_code, ended.errors
    assert TOKEN not in ended.output + ended.errors
    assert "Traceback" not in ended.errors


def test_every_exit_code_is_reached() -> None:
    assert {exit_code for exit_code, *_ in EXIT_CODES} | {ExitCode.INTERRUPTED} == set(ExitCode)


@pytest.mark.parametrize(
    "fault", nightly_except(["none", "a refusal in the middle", "a value of another type"], "a refusal in the middle")
)
def test_no_secret_and_no_personal_data_in_any_log_state_or_error(terminal: Terminal, fault: str) -> None:
    for contact_id in list(terminal.workspace.contacts)[:40]:
        attributes = {"name": f"{CANARY} name", "email": f"{CANARY}@example.com", "phone": CANARY}
        terminal.workspace.update(contact_id, **attributes, custom_attributes={"secret": CANARY, CANARY: 1})
    if fault == "a refusal in the middle":
        terminal.workspace.faults.status(401, times=None, path_prefix="/contacts")
    if fault == "a value of another type":
        terminal.workspace.update(min(terminal.workspace.contacts), browser={"was text": CANARY})

    python = (sys.executable, "-c", LOGGING_ALL)
    ended = subprocess.run(
        [*python, "sync", "--json"],
        cwd="/",
        env=terminal.environment(RUNTIME__LOG_LEVEL="DEBUG"),
        capture_output=True,
        timeout=HANG_SECONDS,
    )

    assert ended.returncode == (3 if fault == "a refusal in the middle" else 0)
    printed = [("output", ended.stdout), ("errors", ended.stderr)]
    warehouses = {terminal.folder / "warehouse.duckdb", terminal.folder / "published.duckdb"}
    kept = [(str(path), path.read_bytes()) for path in terminal.folder.rglob("*") if path.is_file()]
    for where, text in printed + [item for item in kept if Path(item[0]) not in warehouses]:
        assert TOKEN.encode() not in text, where
        assert CANARY.encode() not in text, where


PRINT_DLT_TELEMETRY_ADDRESS = """
from dlt.common.runtime import anon_tracker
from pipelines.settings import use_project_config
use_project_config()
print(anon_tracker._ANON_TRACKER_ENDPOINT)
"""


@pytest.mark.nightly
@pytest.mark.parametrize("folder", ["/", ROOT])
def test_dlt_has_no_telemetry_address_in_any_folder(folder: str | Path) -> None:
    python = (sys.executable, "-c", PRINT_DLT_TELEMETRY_ADDRESS)
    done = subprocess.run(python, cwd=folder, env={}, capture_output=True, text=True, check=True)

    assert done.stdout == "None\n"
