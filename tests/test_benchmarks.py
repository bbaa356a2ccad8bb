"""The lower bounds, the ratios and the table of the benchmarks. Nothing here is measured."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.history import SIZES, BuildCost
from benchmarks.measuring import RECORDED_SEARCHES, SandboxLoad, ScenarioFailed, ServedSandbox, quota_bound, replay
from benchmarks.measuring.bounds import WorkspaceSize
from benchmarks.measuring.recording import recording_app
from benchmarks.measuring.syncing import environment_of
from benchmarks.report import FULL, TIMES, Missing, Row, Target, at_least, at_most, below, on_screen, quantity
from benchmarks.report.readme import BEGIN, END, README, replaced
from benchmarks.report.table import as_markdown, cells
from benchmarks.scenarios import SCENARIOS
from benchmarks.scenarios.models import model_rows
from benchmarks.scenarios.quota import reading
from benchmarks.scenarios.tap import ToolRun, ratios
from sandbox.api import create_app, serving
from sandbox.world import Workspace

RATIO = Row("quota", "reading / quota bound", 1.084, target=at_most(1.08), details="325.2 s / 300.0 s")


def test_the_page_minimum_counts_a_page_per_150_members_and_one_for_an_empty_segment() -> None:
    assert WorkspaceSize(contacts=301, members=(150, 151, 0)).page_minimum == 3 + 1 + 2 + 1


def test_a_workspace_has_a_row_for_every_contact_and_every_membership() -> None:
    assert WorkspaceSize(contacts=10, members=(4, 0, 3)).rows == 17


def test_the_quota_bound_is_the_time_in_which_the_share_allows_the_calls() -> None:
    assert quota_bound(1_600, limit=200, share=0.8) == pytest.approx(100)


def test_shares_above_the_quota_count_as_the_whole_quota() -> None:
    assert quota_bound(1_600, limit=200, share=1.6) == quota_bound(1_600, limit=200, share=1)


def test_reading_is_compared_with_the_quota_bound() -> None:
    row = reading("two", 66.0, 60.0, target=1.10)

    assert quantity(row.value, row.unit) == "1.10 x"
    assert row.details == "66.0 s / 60.0 s"


@pytest.mark.parametrize(
    ("target", "value", "is_met"),
    [
        (at_most(1.08), 1.084, True),
        (at_most(1.08), 1.086, False),
        (below(1), 1.0, False),
        (at_least(50), 50.0, True),
        (at_least(50), 49.9, False),
    ],
)
def test_a_target_is_met_at_the_precision_of_the_table(target: Target, value: float, is_met: bool) -> None:
    assert target.is_met(value) is is_met


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1.084, TIMES, "1.08 x"),
        (19_412.4, "rows/s", "19,412 rows/s"),
        (0, "", "0"),
        (0.734, "GB", "0.73 GB"),
        (312.4, "s", "312 s"),
    ],
)
def test_a_quantity_has_a_useful_precision(value: float, unit: str, expected: str) -> None:
    assert quantity(value, unit) == expected


def test_a_line_has_the_ratio_its_target_and_the_details() -> None:
    assert list(cells([RATIO], FULL)) == [
        ("quota", "reading / quota bound", "1.08 x", "<= 1.08 x", "yes", "325.2 s / 300.0 s")
    ]


def test_a_smaller_workspace_has_no_target() -> None:
    [line] = cells([RATIO], scale=0.1)

    assert line[2:5] == ("1.08 x", "", "")


def test_a_scenario_that_could_not_be_measured_has_a_reason() -> None:
    assert list(cells([Missing("tap", "uv is needed")], FULL)) == [("tap", "not measured", "", "", "", "uv is needed")]


def test_the_markdown_has_one_line_per_row_with_any_text() -> None:
    table = as_markdown([RATIO, Missing("tap", "no | way\nout")], FULL)

    assert table.splitlines()[2:] == [
        "| quota | reading / quota bound | 1.08 x | <= 1.08 x | yes | 325.2 s / 300.0 s |",
        "| tap | not measured |  |  |  | no \\| way out |",
    ]


def test_the_screen_shows_every_value() -> None:
    shown = Console(file=io.StringIO(), width=130)

    shown.print(on_screen([RATIO, Row("memory", "peak", 0.734, "GB", below(1.0))], FULL))

    assert isinstance(shown.file, io.StringIO)
    assert ["0.73 GB" in shown.file.getvalue(), "<= 1.08 x" in shown.file.getvalue()] == [True, True]


def build_cost(seconds: float) -> BuildCost:
    return BuildCost(
        spells=98,
        seconds=seconds,
        model_seconds=1.5,
        check_seconds=0.5,
        cpu_seconds=3,
        peak_megabytes=300,
        slowest={},
        file_megabytes=40,
        snapshot_seconds=0.04,
        snapshot_rows=70,
        contacts_seconds=0.01,
    )


def test_models_are_compared_with_the_size_before() -> None:
    rows = model_rows({100: build_cost(2.0), 1_000: build_cost(6.0)})

    assert rows[:4] == [
        Row("models", "100 spells, build", 2.0, "s", details="98 spells, models 1.5 s, checks 0.5 s"),
        Row("models", "100 spells, CPU", 3, "s", details="of the process"),
        Row("models", "100 spells, peak", 0.3, "GB", details="file 40 MB"),
        Row("models", "100 spells, count of one day", 0.04, "s", details="70 snapshots"),
    ]
    assert rows[-1] == Row("models", "1,000 / 100", 3.0)


def test_the_largest_history_has_a_target_for_each_value() -> None:
    largest = max(size.spells for size in SIZES.values())

    targets = [row.target for row in model_rows({largest: build_cost(2.0)})]

    assert targets == [below(60), below(110), below(2.5), below(1)]


def test_the_tap_is_compared_by_the_medians_of_several_runs() -> None:
    ours = [ToolRun(4.0, 3.0, 600), ToolRun(90.0, 80.0, 600), ToolRun(5.0, 3.5, 670)]
    theirs = [ToolRun(10.0, 7.0, 134)] * 3

    assert ratios(ours, theirs) == [
        Row("tap", "first sync / tap's contacts, wall", 0.5, target=at_most(0.45), details="5.0 s / 10.0 s"),
        Row("tap", "first sync / tap's contacts, CPU", 0.5, target=at_most(0.75), details="3.5 s / 7.0 s"),
        Row("tap", "first sync / tap's contacts, calls", 600 / 134, details="600 / 134"),
    ]


def test_writing_replaces_only_the_last_table() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert replaced(text, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


def test_the_readme_has_the_table_and_a_line_for_every_scenario() -> None:
    text = README.read_text()

    assert replaced(text, "another table") != text
    assert [name for name in SCENARIOS if f"`{name}`" not in text] == []


def test_a_replay_receives_every_whole_page() -> None:
    workspace = Workspace(contacts=400, segments=3)
    everyone = {"field": "created_at", "operator": ">", "value": 0}
    bodies = [json.dumps({"query": everyone, "pagination": {"per_page": size}}) for size in (1, 150, 20)]

    with serving(create_app(workspace)) as url:
        whole = sum(
            len(ServedSandbox(url).request("POST", "/contacts/search", json.loads(body)).content) for body in bodies
        )

        assert asyncio.run(replay(url, bodies, connections=2)) == whole


def test_a_replay_does_not_count_a_refusal_as_a_page() -> None:
    with serving(create_app(Workspace(contacts=1, segments=0))) as url, pytest.raises(ScenarioFailed, match="400"):
        asyncio.run(replay(url, ["{}"], connections=1))


def test_a_recording_sandbox_returns_the_searches_that_it_answered() -> None:
    body = {"query": {"field": "role", "operator": "=", "value": "user"}}

    with serving(recording_app(Workspace(contacts=5, segments=0))) as url:
        ServedSandbox(url).request("POST", "/contacts/search", body)
        ServedSandbox(url).request("GET", "/me")
        recorded = ServedSandbox(url).request("GET", RECORDED_SEARCHES).json()

    assert [json.loads(each) for each in recorded] == [body]


def test_a_sandbox_reports_its_size_and_its_calls() -> None:
    workspace = Workspace(contacts=200, segments=4)

    with serving(create_app(workspace, limit=2)) as url:
        for _ in range(3):
            ServedSandbox(url).request("GET", "/me")
        status = ServedSandbox(url).status()

    assert status.size == WorkspaceSize(200, tuple(len(workspace.members(segment)) for segment in workspace.segments))
    assert (status.calls, status.refused) == (2, 1)


def test_a_load_is_measured_from_its_creation_on() -> None:
    with serving(create_app(Workspace(contacts=1, segments=0))) as url:
        row = SandboxLoad(ServedSandbox(url)).row("quota")

    assert (row.scenario, row.metric, row.target) == ("quota", "sandbox, CPU / wall", None)
    assert row.value > 0


def test_only_the_benchmark_configures_a_sync(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOURCES__INTERCOM__OVERLAP", "7")

    environment = environment_of(ServedSandbox("http://127.0.0.1:1"), tmp_path, {"SOURCES__INTERCOM__SWEEP_BUDGET": 0})

    assert "SOURCES__INTERCOM__OVERLAP" not in environment
    assert environment["SOURCES__INTERCOM__SWEEP_BUDGET"] == "0"
    assert environment["WAREHOUSE__DATA_DIR"] == str(tmp_path)
