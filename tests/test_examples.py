"""Every program in docs/examples runs against a served sandbox, and loads what the workspace holds."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from pipelines.settings import ROOT
from sandbox.api import create_app, serving
from sandbox.world import Workspace

from .support.deployments import NO_QUOTA, Deployment
from .support.patience import HANG_SECONDS
from .support.postgres import NEEDS_POSTGRES, run

EXAMPLES = ROOT / "docs" / "examples"
ENVIRONMENT = ROOT / ".venv-examples" / "bin"
TOKEN = "examples-token"
MEMBERS = """
select segment_id, contact_id
from (
    select segment_id, contact_id, is_member,
        row_number() over (partition by segment_id, contact_id order by observed_at desc) as recency
    from intercom_raw.membership_changes
) as newest
where recency = 1 and is_member
"""
HAS_ENVIRONMENT = pytest.mark.skipif(
    not (ENVIRONMENT.parent / "installed").exists(),  # written when it is complete
    reason="needs marimo, Dagster and Prefect: make test-examples installs them",
)
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("examples")]


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace(contacts=120, segments=5, token=TOKEN, companies=5, articles=2)


@pytest.fixture(scope="module")
def url(workspace: Workspace) -> Iterator[str]:
    with serving(create_app(workspace, limit=NO_QUOTA)) as url:
        yield url


def variables(folder: Path, url: str, **others: str) -> dict[str, str]:
    """As those of a user whose home is the folder."""
    given = {
        "HOME": str(folder),
        "DLT_DATA_DIR": str(folder / "dlt"),  # root would share one with all users
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DO_NOT_TRACK": "1",
        "SOURCES__INTERCOM__ACCESS_TOKEN": TOKEN,
        "SOURCES__INTERCOM__BASE_URL": url,
        "SOURCES__INTERCOM__RESOURCES": "[]",  # the lists would take most of the time
    }
    return given | others


def ran(folder: Path, environment: dict[str, str], *command: str | Path) -> str:
    """What a program printed, started in the folder."""
    done = ended(folder, environment, *command)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def ended(folder: Path, environment: dict[str, str], *command: str | Path) -> "subprocess.CompletedProcess[str]":
    """A program that was started in the folder, and printed no token."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert TOKEN not in done.stdout + done.stderr
    return done


@contextmanager
def loaded(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file that a pipeline called intercom leaves in its folder."""
    with duckdb.connect(str(folder / "intercom.duckdb"), read_only=True) as connection:
        yield connection


def test_ten_lines_load_a_workspace_into_a_file(workspace: Workspace, url: str, tmp_path: Path) -> None:
    printed = ran(tmp_path, variables(tmp_path, url), sys.executable, EXAMPLES / "to_duckdb.py")

    largest = max(workspace.segments, key=lambda one: (len(workspace.members(one)), one))
    assert str(len(workspace.members(largest))) in printed
    with loaded(tmp_path) as connection:
        assert set(connection.execute(MEMBERS).fetchall()) == workspace.pairs()


@pytest.mark.parametrize("engine", [pytest.param("postgres", marks=NEEDS_POSTGRES)])
def test_ten_lines_load_a_workspace_into_a_database(
    workspace: Workspace, url: str, tmp_path: Path, database: str, engine: str
) -> None:
    environment = variables(tmp_path, url, DESTINATION__POSTGRES__CREDENTIALS=database)

    ran(tmp_path, environment, sys.executable, EXAMPLES / f"to_{engine}.py")

    assert {tuple(row) for row in run(database, MEMBERS)} == workspace.pairs()


def test_another_endpoint_is_loaded_beside_the_source(workspace: Workspace, url: str, tmp_path: Path) -> None:
    ran(tmp_path, variables(tmp_path, url), sys.executable, EXAMPLES / "beside_rest_api.py")

    with loaded(tmp_path) as connection:
        assert set(connection.execute(MEMBERS).fetchall()) == workspace.pairs()
        owners = connection.execute("select app__id_code, app__timezone from intercom_raw.token_owners").fetchall()
        assert owners == [(workspace.workspace_id, workspace.timezone)]


@HAS_ENVIRONMENT
@pytest.mark.nightly
@pytest.mark.parametrize("selection", ["*", "key:dlt_intercom_segments"])
def test_dagster_materializes_all_assets_and_single_ones(
    workspace: Workspace, url: str, tmp_path: Path, selection: str
) -> None:
    command = ("asset", "materialize", "-f", EXAMPLES / "dagster_assets.py", "--select", selection)

    ran(tmp_path, variables(tmp_path, url, DAGSTER_DISABLE_TELEMETRY="1"), ENVIRONMENT / "dagster", *command)

    with loaded(tmp_path) as connection:
        segments = connection.execute("select segment_id from intercom_raw.segments").fetchall()
        assert {segment_id for (segment_id,) in segments} == workspace.segments.keys()
        if selection == "*":
            assert set(connection.execute(MEMBERS).fetchall()) == workspace.pairs()


def of_prefect(folder: Path, url: str, **others: str) -> dict[str, str]:
    """Its server, database and log are in the folder, and it asks no other host."""
    own = {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(HANG_SECONDS),
        "PREFECT_API_REQUEST_TIMEOUT": str(HANG_SECONDS),
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
    return variables(folder, url, **{"PATH": path, "INTERCOM_WAREHOUSE_HOME": str(folder), **own, **others})


@HAS_ENVIRONMENT
@pytest.mark.nightly
def test_prefect_syncs_a_workspace_and_then_what_changed(workspace: Workspace, url: str, tmp_path: Path) -> None:
    command = (ENVIRONMENT / "python", EXAMPLES / "prefect_flow.py")

    first, second = (ended(tmp_path, of_prefect(tmp_path, url), *command) for _ in range(2))

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert f"Read {len(workspace.contacts)} contacts" in first.stderr
    assert "Read 0 contacts" in second.stderr
    assert (tmp_path / "report.html").exists()
    with duckdb.connect(str(tmp_path / "data" / "warehouse.duckdb"), read_only=True) as connection:
        assert set(connection.execute(MEMBERS).fetchall()) == workspace.pairs()


@HAS_ENVIRONMENT
@pytest.mark.nightly
def test_prefect_shows_why_a_sync_failed_and_does_not_try_a_wrong_token_again(url: str, tmp_path: Path) -> None:
    wrong = "wrong-" + TOKEN  # contains the token that no program may print

    failed = ended(
        tmp_path,
        of_prefect(tmp_path, url, SOURCES__INTERCOM__ACCESS_TOKEN=wrong),
        ENVIRONMENT / "python",
        EXAMPLES / "prefect_flow.py",
    )

    assert failed.returncode == 1
    assert "CommandFailed: The command ended with exit code 3. Intercom refused GET /me" in failed.stderr
    assert "Check SOURCES__INTERCOM__ACCESS_TOKEN" in failed.stderr.splitlines()[-2]
    assert failed.stderr.count("whose token this is") == 1
    assert "report" not in failed.stderr


TRIES = {"0": 1, "1": 1, "2": 1, "3": 1, "4": 6, "5": 6, "6": 2, "7": 1, "130": 1, "killed": 6}
ENDS_AS_ITS_WORKSPACE_IS_CALLED = """#!/bin/sh
name=${4#--workspace=}
echo >> "tries-$name"
[ "$name" = killed ] && kill -KILL $$
exit "$name"
"""
TRY_WITHOUT_DELAY = f"""
import prefect_flow
sync = prefect_flow.sync.with_options(retry_delay_seconds=0)
for name in {list(TRIES)}:
    sync(workspace=name, return_state=True)
"""


@HAS_ENVIRONMENT
@pytest.mark.nightly
def test_an_exit_code_decides_whether_prefect_tries_again(tmp_path: Path) -> None:
    command = tmp_path / "command"
    command.write_text(ENDS_AS_ITS_WORKSPACE_IS_CALLED)
    command.chmod(0o700)
    environment = of_prefect(tmp_path, "", INTERCOM_WAREHOUSE_COMMAND=str(command), PYTHONPATH=str(EXAMPLES))

    ran(tmp_path, environment, ENVIRONMENT / "python", "-c", TRY_WITHOUT_DELAY)

    assert {name: (tmp_path / f"tries-{name}").read_text().count("\n") for name in TRIES} == TRIES


@HAS_ENVIRONMENT
def test_the_notebook_shows_the_segments(synced: Deployment, tmp_path: Path) -> None:
    environment = variables(tmp_path, "", PUBLISHED=str(synced.warehouse.published))

    printed = ran(tmp_path, environment, ENVIRONMENT / "python", EXAMPLES / "notebook.py")

    assert "Everyone" in printed
    assert "300" in printed


def test_the_first_examples_have_ten_lines() -> None:
    for name in ("to_duckdb.py", "to_postgres.py"):
        tree = ast.parse((EXAMPLES / name).read_text(encoding="utf-8"))
        assert len(tree.body) - 1 <= 10, name


def test_every_example_is_named_in_the_document_and_run_here() -> None:
    document = (ROOT / "docs" / "dlt-source.md").read_text(encoding="utf-8")
    tests = Path(__file__).read_text(encoding="utf-8").replace('f"to_{engine}.py"', "to_postgres.py")

    for path in EXAMPLES.glob("*.py"):
        assert f"(examples/{path.name})" in document
        assert path.name in tests
