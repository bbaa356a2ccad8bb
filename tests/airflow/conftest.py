"""A temporary Airflow with the DAG file in its dags folder, and a sandbox from which the real command syncs."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ..support.patience import HANG_SECONDS

if TYPE_CHECKING:  # Airflow reads its configuration on import, so pytest_configure has to run first
    from airflow.sdk import DAG

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "bin" / "python"
COMMAND = ROOT / ".venv" / "bin" / "intercom-warehouse"
AIRFLOW = ROOT / ".venv-airflow" / "bin" / "airflow"
MANUAL = (ROOT / "docs" / "airflow.md").read_text()
TOKEN = "sandbox-token"


def pytest_configure(config: pytest.Config) -> None:
    home = TemporaryDirectory(prefix="airflow-")
    config.add_cleanup(home.cleanup)
    dags = Path(home.name) / "dags"
    dags.mkdir()
    (dags / "intercom_warehouse.py").symlink_to(ROOT / "pipelines" / "airflow_dag.py")
    os.environ |= {
        "AIRFLOW_HOME": home.name,
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": str(HANG_SECONDS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home.name}/airflow.db",
    }


def airflow(*arguments: str) -> str:
    """The output of an Airflow command."""
    done = subprocess.run([AIRFLOW, *arguments], capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def metadata() -> None:
    """Airflow's database with the DAGs, and the pool, created as in the manual."""
    airflow("db", "migrate")
    airflow("dags", "reserialize")
    pool = re.search(r"^ *\$ airflow pools set (\w+) (\d+) '(.+)'$", MANUAL, re.MULTILINE)
    assert pool
    airflow("pools", "set", *pool.groups())


@pytest.fixture
def dags(metadata: None) -> dict[str, "DAG"]:
    """Both DAGs, parsed again as for each real task, but with no wait between two tries."""
    from airflow.dag_processing.dagbag import DagBag

    dags: dict[str, DAG] = DagBag().dags
    for dag in dags.values():
        for task in dag.tasks:
            task.retry_delay, task.retry_exponential_backoff = timedelta(), 0
    return dags


@dataclass
class Sandbox:
    """A simulated workspace, served by the project's own environment."""

    url: str

    def contacts(self) -> list[dict[str, Any]]:
        """All contacts, as Intercom returns them."""
        found, after = [], ""
        while True:
            page = self._page(after)
            found += page["data"]
            if not page["pages"].get("next"):
                return found
            after = f"&starting_after={page['pages']['next']['starting_after']}"

    def _page(self, after: str) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}", "Intercom-Version": "Preview"}
        return httpx.get(f"{self.url}/contacts?per_page=150{after}", headers=headers).json()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    arguments: list[str | Path] = [PYTHON, "-m", "sandbox", "--port", "0", "--token", TOKEN]
    arguments += ["--contacts", "300", "--segments", "10"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout
        yield Sandbox(serving.stdout.readline().split()[-1])
        serving.terminate()


@dataclass
class Warehouse:
    """A data folder that the command fills."""

    folder: Path

    def query(self, sql: str) -> Any:
        """Rows, read by the project's own Python: Airflow's has no DuckDB."""
        program = (
            "import duckdb, json, sys; c = duckdb.connect(sys.argv[1], read_only=True); "
            "print(json.dumps(c.execute(sys.argv[2]).fetchall(), default=str))"
        )
        arguments: list[str | Path] = [PYTHON, "-c", program, self.folder / "warehouse.duckdb", sql]
        return json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)

    def status(self, *options: str) -> Any:
        """The output of `intercom-warehouse status` in the environment of the DAGs."""
        done = subprocess.run(
            [COMMAND, "status", *options, "--json"], capture_output=True, text=True, timeout=HANG_SECONDS
        )
        return json.loads(done.stdout) | {"exit_code": done.returncode}


@pytest.fixture
def warehouse(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """An empty one. The command fills it from the sandbox."""
    monkeypatch.setenv("WAREHOUSE__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SOURCES__INTERCOM__BASE_URL", sandbox.url)
    monkeypatch.setenv("SOURCES__INTERCOM__ACCESS_TOKEN", TOKEN)
    return Warehouse(tmp_path / "data")


@dataclass
class Script:
    """A command that records its arguments, and then does what the test wants."""

    folder: Path

    def does(self, *lines: str) -> None:
        """Sets what it does, as lines of a shell script."""
        command = self.folder / "command"
        record = (f'echo "$@" >> {self.folder}/calls', f"echo $$ > {self.folder}/pid")
        command.write_text("\n".join(["#!/bin/sh", *record, *lines]))
        command.chmod(0o700)

    def calls(self) -> list[str]:
        """The arguments of each call."""
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def is_running(self) -> bool:
        """Whether the process of the newest call still runs."""
        try:
            os.kill(int((self.folder / "pid").read_text()), 0)
        except ProcessLookupError:
            return False
        return True


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setenv("AIRFLOW_VAR_INTERCOM_WAREHOUSE_COMMAND", str(tmp_path / "command"))
    return Script(tmp_path)
