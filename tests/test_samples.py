"""The samples of the documents work: commands run, queries find columns, settings are settings, programs run."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest
import yaml

from pipelines.cli.reference import OTHER_SETTINGS, read_settings
from pipelines.destinations import DESTINATIONS, MARTS, TOOLS, destination_named
from pipelines.settings import ROOT
from sandbox.api import create_app, serving
from sandbox.world import Workspace

from .samples import Sample, calls, command_of, programs, samples
from .support.deployments import NO_QUOTA, Deployment
from .support.terminal import TOKEN, Terminal

NOT_RUN = {
    "airflow": "tests/airflow runs Airflow, in its environment",
    "cp": "copies a data folder",
    "docker": "no container can be started here; test_containers.py compares its files with the command",
    "editor": "is for people",
    "git": "changes a clone",
    "install": "writes to folders of the system",
    "kubectl": "needs a cluster; test_containers.py compares the manifest with the command",
    "ln": "tests/airflow does the same",
    "make": "a test compares the targets",
    "mkdir": "makes a folder",
    "pip": "test_wheel.py installs the package",
    "rm": "deletes the demo's data",
    "systemctl": "needs systemd; test_scheduling.py lets systemd-analyze read the units",
    "useradd": "changes the system",
    "uv": "test_wheel.py installs the package",
}
"""Programs in the documents that are not run by a test of the line, and why."""
CALLS_NOT_RUN = {
    ("models", "--engine"): "needs a Spark cluster: tests/spark",
    ("demo",): "takes a minute; test_questions.py and the tutorials run it",
}
QUERIES_NOT_RUN = {
    "create role": "changes the roles of a PostgreSQL server; test_postgres.py grants the same",
    "grant usage": "as above",
    "attach 'ducklake:": "needs DuckDB 1.5: make test-ducklake",
    "select attribute_id, name\nfrom intercom.reporting_attributes": "test_reporting.py runs it, with a client id",
    "select\n    cast(occurred_at as date) as occurred_on": "as above",
}
PYTHON_NOT_RUN = {
    "airflow.sdk": "tests/airflow has Airflow",
    "lead(3000)": "a life of the soak takes minutes",
}
ANSWERS = {"repair": {0, 2}, "status": {0, 6}, "verify": {0}}
"""Exit codes of calls whose ids or times are made up; 0 for all others."""
SETTINGS = {setting.variable for setting in read_settings((ROOT / ".dlt" / "config.toml").read_text())} | {
    *OTHER_SETTINGS,
    *(variable for name in DESTINATIONS for variable in destination_named(name).variables),
    "INTERCOM_WAREHOUSE_HOME",
}
CALLS = [call for call in calls() if not any(call[: len(prefix)] == prefix for prefix in CALLS_NOT_RUN)]
pytestmark = pytest.mark.xdist_group("samples")


def sample_id(sample: Sample) -> str:
    return f"{sample.page} {sample.text[:30].strip()}"


def test_every_program_of_a_line_is_run_or_listed_with_the_reason() -> None:
    assert programs() - {"export"} == set(NOT_RUN)


def test_every_make_target_of_a_page_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for sample in samples("console") for line in sample.commands if line.startswith("make ")]

    words = [word for line in lines for word in line.partition("&&")[0].split()[1:]]
    named = {word for word in words if re.fullmatch(r"[a-z-]{4,}", word)}
    assert named
    assert named <= targets


def test_every_variable_of_a_line_is_a_setting() -> None:
    lines = [line for sample in samples("console", "crontab", "") for line in sample.commands]
    named = {name for line in lines for name in re.findall(r"\b([A-Z]+(?:__?[A-Z]+){2,})=", line)}

    assert len(named) > 5
    assert {name for name in named if name.removeprefix("ACME__") not in SETTINGS} == set()


def test_there_are_calls_of_most_commands() -> None:
    assert set(map(command_of, CALLS)) >= {
        *("sync", "check", "status", "backfill", "verify", "explain", "forget", "repair", "report", "export", "init"),
    }


@pytest.mark.parametrize("call", calls(), ids=" ".join)
def test_the_command_line_accepts_each_call(terminal: Terminal, call: tuple[str, ...]) -> None:
    ended = terminal.run(*call, "--help")

    assert ended.exit_code == 0, ended.errors


@pytest.mark.long
@pytest.mark.nightly
@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_each_call_does_what_it_says(terminal: Terminal, tmp_path: Path, call: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if "init" not in call:
        terminal.copy_first_sync()
    words = [fitting(word, terminal, home) for word in call]
    name = command_of(call)
    if name == "report" and "--out" not in call:
        words += ["--out", str(home / "report.html")]
    tokens = {"ACME__SOURCES__INTERCOM__ACCESS_TOKEN": TOKEN} if "acme" in call else {}
    data = {"WAREHOUSE__DATA_DIR": str(tmp_path / "acme")} if "acme" in call else {}

    ended = terminal.run(*words, INTERCOM_WAREHOUSE_HOME=str(home), **tokens, **data)

    assert ended.exit_code in ANSWERS.get(name, {0}), ended.errors
    assert "Traceback" not in ended.errors


def fitting(word: str, terminal: Terminal, home: Path) -> str:
    """A word of a call, with what exists here in place of the reader's contacts, segments and folders."""
    contact_id = min(terminal.workspace.contacts)
    if "@example.com" in word or re.fullmatch(r"[0-9a-f]{24}", word):
        return contact_id
    if word in ("Active", "Paying"):
        return min(str(segment.name) for segment in terminal.workspace.segments.values())
    return str(home / Path(word).name) if word.startswith("/") or word in ("marts", "segments.html") else word


@pytest.fixture
def published(synced: Deployment) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(synced.warehouse.published), read_only=True) as connection:
        yield connection


QUERIES = [one for one in samples("sql") if not one.text.startswith(tuple(QUERIES_NOT_RUN))]


@pytest.mark.parametrize("sample", QUERIES, ids=sample_id)
def test_each_query_finds_its_tables_and_columns(published: duckdb.DuckDBPyConnection, sample: Sample) -> None:
    published.execute("set search_path = 'intercom_raw'")

    published.execute(sample.text).fetchall()


def test_each_reason_for_a_sample_that_is_not_run_has_such_a_sample() -> None:
    for languages, reasons in ((("sql",), QUERIES_NOT_RUN), (("python",), PYTHON_NOT_RUN)):
        texts = [sample.text for sample in samples(*languages)]
        assert [start for start in reasons if not any(start in text for text in texts)] == []
    assert [prefix for prefix in CALLS_NOT_RUN if not any(call[: len(prefix)] == prefix for call in calls())] == []


@pytest.mark.parametrize("sample", list(samples("toml")), ids=sample_id)
def test_check_accepts_each_file_of_settings(terminal: Terminal, tmp_path: Path, sample: Sample) -> None:
    home = tmp_path / "home"
    (home / ".dlt").mkdir(parents=True)
    (home / ".dlt" / "config.toml").write_text(sample.text, encoding="utf-8")
    key = (
        {"SOURCES__INTERCOM__HASH_KEY": sha256(b"a key of the tests").hexdigest()}
        if "hash_columns" in sample.text
        else {}
    )

    ended = terminal.run("check", INTERCOM_WAREHOUSE_HOME=str(home), **key)

    assert ended.exit_code == 0, ended.errors


@pytest.mark.parametrize("sample", list(samples("json")), ids=sample_id)
def test_each_object_is_json(sample: Sample) -> None:
    assert json.loads(sample.text)


def test_dbt_is_told_the_schema_that_builds_make() -> None:
    (sample,) = (one for one in samples("yaml") if one.page == "fivetran.md")

    assert yaml.safe_load(sample.text) == {"vars": {"intercom_schema": f"{MARTS}_fivetran"}}
    assert "fivetran" in TOOLS


@pytest.mark.parametrize("sample", [one for one in samples("yaml") if one.page != "fivetran.md"], ids=sample_id)
def test_each_rule_of_prometheus_names_metrics_that_exist(terminal: Terminal, sample: Sample) -> None:
    terminal.copy_first_sync()
    metrics = terminal.run("status", "--openmetrics").output

    assert yaml.safe_load(sample.text)
    named = set(re.findall(r"\bintercom_warehouse_\w+", sample.text))
    assert named
    assert {name for name in named if f"# TYPE {name} gauge" not in metrics} == set()


@pytest.mark.parametrize("sample", list(samples("python")), ids=sample_id)
def test_each_program_is_python(sample: Sample) -> None:
    compile(without_prompts(sample.text), sample.page, "exec")


def without_prompts(text: str) -> str:
    """A session of Python as its program."""
    if not text.startswith(">>> "):
        return text
    return "".join(f"{line[4:]}\n" for line in text.splitlines() if line.startswith((">>> ", "... ")))


PROGRAMS = [one for one in samples("python") if not any(part in one.text for part in PYTHON_NOT_RUN)]


@pytest.mark.long
@pytest.mark.parametrize("sample", PROGRAMS, ids=sample_id)
def test_each_program_runs(synced: Deployment, tmp_path: Path, sample: Sample) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    published = tmp_path / "data" / "published.duckdb"
    published.write_bytes(synced.warehouse.published.read_bytes()) if not published.exists() else None
    with serving(create_app(Workspace(contacts=60, segments=3, token=TOKEN), limit=NO_QUOTA)) as url:
        variables = {
            "PATH": os.defpath,
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "DLT_DATA_DIR": str(tmp_path / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "SOURCES__INTERCOM__ACCESS_TOKEN": TOKEN,
            "SOURCES__INTERCOM__BASE_URL": url,
            "SOURCES__INTERCOM__RESOURCES": "[]",
        }
        program = f"key = 'a key'\n{without_prompts(sample.text)}"
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stderr
