"""Claims about metrics: what they say, and that monitoring systems can read them."""

import json
import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

from pipelines.commands.status import StatusQuery
from pipelines.errors import ExitCode
from pipelines.monitoring import metrics_of
from pipelines.settings import ROOT
from sources.intercom.api import Refused

from ...support.deployments import Deployment, Settled
from ...support.terminal import TOKEN, Terminal

DOCUMENT = (ROOT / "docs" / "monitoring.md").read_text()
PREFIX = "intercom_warehouse_"
NAME = 'a "name"\\ of\ntwo lines \u202e\U0001f600'


def metrics(deployment: Deployment, *, later: timedelta = timedelta()) -> str:
    _, found = metrics_of(StatusQuery(deployment.warehouse, deployment.workspace.now() + later))
    return str(found)


def values(families: Iterable[Any]) -> dict[tuple[str, ...], float]:
    """Each sample by its metric and the values of its labels, in the order of the labels' names."""
    return {
        (sample.name.removeprefix(PREFIX), *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def of(text: str) -> dict[tuple[str, ...], float]:
    assert text.endswith("# EOF\n")
    return values(read_openmetrics(text))  # type: ignore[no-untyped-call]


def test_metrics_say_what_the_runs_and_the_tables_say(settled: Settled) -> None:
    outcome = settled.sync()
    settled.workspace.faults.status(401, times=None)
    with pytest.raises(Refused):
        settled.sync(full=True)

    found = of(metrics(settled, later=timedelta(hours=1)))

    assert found["last_run_exit_code", "sync", "intercom"] == ExitCode.REFUSED
    assert found["last_run_calls", "sync", "intercom"] == 1
    assert found["last_success_age_seconds", "intercom"] == 3601
    assert found["last_success_timestamp_seconds", "intercom"] == (settled.workspace.now().timestamp() - 1)
    assert found["memberships", "intercom"] == outcome.members
    assert found["quota_calls", "intercom"] == 1_000_000
    assert found["pending_packages", "intercom"] == found["lists_refused", "intercom"] == 0
    assert found["file_size_bytes", "published.duckdb"] == settled.warehouse.published.stat().st_size
    assert found["published_readable",] == 1
    segments = {labels[0]: count for (metric, *labels), count in found.items() if metric == "segment_members"}
    assert segments == {name: len(settled.workspace.members(key)) for name, key in settled.segments.items()}


def test_an_incomplete_segment_and_a_pending_package_are_counted(settled: Settled) -> None:
    settled.workspace.advance(days=1)
    settled.workspace.faults.half_page(settled.segments["Everyone"], times=None)
    settled.sync()
    pending = settled.warehouse.working_folder("intercom") / "normalize" / "extracted" / "1700000000.5"
    pending.mkdir(parents=True)

    found = of(metrics(settled))

    assert found["segments_incomplete", "intercom"] == found["pending_packages", "intercom"] == 1
    assert found["last_run_exit_code", "sync", "intercom"] == ExitCode.INCOMPLETE


def test_any_name_of_a_segment_can_be_read_in_both_formats(settled: Settled) -> None:
    settled.workspace.rename_segment(settled.segments["Paying"], NAME)
    settled.sync()

    text = metrics(settled)

    assert of(text) == values(read_prometheus(text))
    names = {labels[0] for metric, *labels in of(text) if metric == "segment_members"}
    assert 'a "name"\\ of\\x0atwo lines \\u202e\U0001f600' in names


def test_metrics_hold_no_token_and_no_contact(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    ended = terminal.run("status", "--openmetrics", "--max-age", "1h", PYTHONIOENCODING="ascii")

    assert (ended.exit_code, ended.errors) == (0, "")
    assert of(ended.output)["last_run_exit_code", "sync", "intercom"] == 0
    assert TOKEN not in ended.output
    people = terminal.workspace.contacts.values()
    assert [one.id for one in people if one.id in ended.output or str(one.attributes["email"]) in ended.output] == []


def test_a_file_has_the_metrics_of_a_good_run_and_of_failed_ones(terminal: Terminal, tmp_path: Path) -> None:
    terminal.copy_first_sync()
    file = tmp_path / "intercom.prom"
    file.touch(mode=0o644)
    file.chmod(0o644)
    variables = {"MONITORING__OPENMETRICS_FILE": str(file)}

    found = {}
    for name, token in {"done": TOKEN, "refused": "a-wrong-token", "usage": None}.items():
        terminal.run("sync", **variables, SOURCES__INTERCOM__ACCESS_TOKEN=token)
        found[name] = of(file.read_text())

    exit_codes = {name: metrics["last_run_exit_code", "sync", "intercom"] for name, metrics in found.items()}
    assert exit_codes == {"done": 0, "refused": 3, "usage": 2}
    starts = [metrics["last_run_start_timestamp_seconds", "sync", "intercom"] for metrics in found.values()]
    assert starts == sorted(starts)
    successes = {metrics["last_success_timestamp_seconds", "intercom"] for metrics in found.values()}
    assert len(successes) == 1
    assert file.stat().st_mode & 0o777 == 0o644
    assert {path.name for path in tmp_path.iterdir() if "prom" in path.name} == {"intercom.prom"}


def test_a_new_file_is_for_its_owner_and_one_that_cannot_be_written_is_a_warning(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.copy_first_sync()
    there, nowhere = tmp_path / "new.prom", tmp_path / "missing" / "new.prom"

    written = terminal.run("models", MONITORING__OPENMETRICS_FILE=str(there))
    unwritten = terminal.run("--log-format", "json", "models", MONITORING__OPENMETRICS_FILE=str(nowhere))

    assert (written.exit_code, there.stat().st_mode & 0o777) == (0, 0o600)
    events = [json.loads(line) for line in unwritten.errors.splitlines()]
    (warning,) = (event for event in events if event["event"] == "metrics_failed")
    assert unwritten.exit_code == 0
    assert (warning["level"], str(nowhere) in warning["message"]) == ("warning", True)
    assert events[-1]["event"] == "ended"


def test_the_document_names_every_metric(settled: Settled) -> None:
    documented = set(re.findall(r"`(\w+)`", DOCUMENT.partition("## Metrics")[2].partition("All metrics are")[0]))

    assert {metric for metric, *_ in of(metrics(settled))} <= documented


def test_the_rules_in_the_document_use_metrics_that_exist(settled: Settled) -> None:
    (example,) = re.findall(r"^```yaml\n(groups:.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
    (group,) = yaml.safe_load(example)["groups"]

    names = {name for rule in group["rules"] for name in re.findall(rf"{PREFIX}(\w+)", rule["expr"])}
    assert names <= {metric for metric, *_ in of(metrics(settled))}


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("status", "--openmetrics", "--json"), {}),
        (("sync",), {"MONITORING__OPENMETRICS_FILE": "/"}),
        (("sync",), {"MONITORING__OPENMETRICS_FIEL": "x.prom"}),
    ],
)
def test_a_mistake_is_exit_code_2_and_one_paragraph(
    terminal: Terminal, arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    ended = terminal.run(*arguments, **variables)

    assert ended.exit_code == ExitCode.USAGE
    assert ended.is_one_paragraph
