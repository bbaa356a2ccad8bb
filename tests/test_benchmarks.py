"""What the benchmarks reckon with: floors, ratios and the table. Nothing here is measured."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.__main__ import SCENARIOS
from benchmarks.building import model_rows
from benchmarks.children import Failed
from benchmarks.floors import Size, quota_floor
from benchmarks.models import SIZES, ModelFigures
from benchmarks.noting import SEARCHES, noting_app
from benchmarks.quota import extraction
from benchmarks.readme import BEGIN, END, README, replaced
from benchmarks.receiving import received
from benchmarks.rows import TIMES, Missing, Row, Target, at_least, at_most, below, quantity
from benchmarks.served import Served
from benchmarks.syncing import environment_of
from benchmarks.table import FULL, as_markdown, cells, on_screen
from benchmarks.tap import Turn, ratios
from benchmarks.watch import Watch
from sandbox.api import create_app, serving
from sandbox.world import Workspace

RATIO = Row("quota", "extraction / quota floor", 1.084, target=at_most(1.08), seen="325.2 s / 300.0 s")


def test_the_page_minimum_counts_a_page_for_every_150_and_one_for_an_empty_segment() -> None:
    assert Size(contacts=301, members=(150, 151, 0)).page_minimum == 3 + 1 + 2 + 1


def test_a_size_has_a_row_for_every_contact_and_every_membership() -> None:
    assert Size(contacts=10, members=(4, 0, 3)).rows == 17


def test_the_quota_floor_is_the_time_in_which_the_share_allows_the_calls() -> None:
    assert quota_floor(1_600, limit=200, share=0.8) == pytest.approx(100)


def test_shares_that_sum_up_to_more_than_the_quota_are_the_whole_quota() -> None:
    assert quota_floor(1_600, limit=200, share=1.6) == quota_floor(1_600, limit=200, share=1)


def test_reading_is_held_against_the_quota_floor() -> None:
    row = extraction("two", 66.0, 60.0, target=1.10)

    assert quantity(row.value, row.unit) == "1.10 x"
    assert row.seen == "66.0 s / 60.0 s"


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
def test_a_target_is_met_at_the_precision_that_is_shown(target: Target, value: float, is_met: bool) -> None:
    assert target.is_met(value) is is_met


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (1.084, TIMES, "1.08 x"),
        (19_412.4, "rows/s", "19,412 rows/s"),
        (0, "", "0"),
        (0.734, "GB", "0.73 GB"),
        (312.4, "s", "312 s"),
    ],
)
def test_a_quantity_is_told_as_precisely_as_it_is_worth(value: float, unit: str, told: str) -> None:
    assert quantity(value, unit) == told


def test_a_line_tells_the_ratio_its_target_and_what_was_seen() -> None:
    assert list(cells([RATIO], FULL)) == [
        ("quota", "extraction / quota floor", "1.08 x", "<= 1.08 x", "yes", "325.2 s / 300.0 s")
    ]


def test_a_smaller_workspace_is_held_against_no_target() -> None:
    [line] = cells([RATIO], scale=0.1)

    assert line[2:5] == ("1.08 x", "", "")


def test_a_scenario_that_could_not_be_measured_says_why() -> None:
    assert list(cells([Missing("tap", "uv is needed")], FULL)) == [("tap", "not measured", "", "", "", "uv is needed")]


def test_the_markdown_has_one_line_a_figure_whatever_its_words() -> None:
    table = as_markdown([RATIO, Missing("tap", "no | way\nout")], FULL)

    assert table.splitlines()[2:] == [
        "| quota | extraction / quota floor | 1.08 x | <= 1.08 x | yes | 325.2 s / 300.0 s |",
        "| tap | not measured |  |  |  | no \\| way out |",
    ]


def test_the_screen_shows_every_figure() -> None:
    shown = Console(file=io.StringIO(), width=130)

    shown.print(on_screen([RATIO, Row("memory", "peak", 0.734, "GB", below(1.0))], FULL))

    assert isinstance(shown.file, io.StringIO)
    assert ["0.73 GB" in shown.file.getvalue(), "<= 1.08 x" in shown.file.getvalue()] == [True, True]


def figures(seconds: float) -> ModelFigures:
    return ModelFigures(
        spells=98,
        seconds=seconds,
        model_seconds=1.5,
        check_seconds=0.5,
        peak_megabytes=300,
        slowest={},
        file_megabytes=40,
        snapshot_seconds=0.04,
        snapshot_rows=70,
        contacts_seconds=0.01,
    )


def test_models_are_held_against_the_size_before() -> None:
    rows = model_rows({100: figures(2.0), 1_000: figures(6.0)})

    assert rows[:3] == [
        Row("models", "100 spells, built", 2.0, "s", seen="98 spells, models 1.5 s, checks 0.5 s"),
        Row("models", "100 spells, peak", 0.3, "GB", seen="file 40 MB"),
        Row("models", "100 spells, a day counted", 0.04, "s", seen="70 snapshots"),
    ]
    assert rows[-1] == Row("models", "1,000 / 100", 3.0)


def test_the_largest_history_has_a_target_for_each_of_its_figures() -> None:
    largest = max(size.spells for size in SIZES.values())

    assert [row.target for row in model_rows({largest: figures(2.0)})] == [below(60), below(2.5), below(1)]


def test_the_tap_is_held_against_the_medians_of_several_runs() -> None:
    ours = [Turn(4.0, 3.0, 600), Turn(90.0, 80.0, 600), Turn(5.0, 3.5, 670)]
    theirs = [Turn(10.0, 7.0, 134)] * 3

    assert ratios(ours, theirs) == [
        Row("tap", "our whole sync / its contacts, wall", 0.5, target=at_most(0.45), seen="5.0 s / 10.0 s"),
        Row("tap", "our whole sync / its contacts, CPU", 0.5, target=at_most(0.75), seen="3.5 s / 7.0 s"),
        Row("tap", "our whole sync / its contacts, calls", 600 / 134, seen="600 / 134"),
    ]


def test_writing_replaces_the_last_table_and_nothing_else() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert replaced(text, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


def test_the_readme_has_a_place_for_the_table_and_a_line_for_every_scenario() -> None:
    text = README.read_text()

    assert replaced(text, "another table") != text
    assert [name for name in SCENARIOS if f"`{name}`" not in text] == []


def test_a_bare_loop_receives_every_page_whole() -> None:
    workspace = Workspace(contacts=400, segments=3)
    everyone = {"field": "created_at", "operator": ">", "value": 0}
    bodies = [json.dumps({"query": everyone, "pagination": {"per_page": size}}) for size in (1, 150, 20)]

    with serving(create_app(workspace)) as url:
        whole = sum(len(Served(url).ask("POST", "/contacts/search", json.loads(body)).content) for body in bodies)

        assert asyncio.run(received(url, bodies, lanes=2)) == whole


def test_the_bare_loop_does_not_count_a_refusal_as_a_page() -> None:
    with serving(create_app(Workspace(contacts=1, segments=0))) as url, pytest.raises(Failed, match="400"):
        asyncio.run(received(url, ["{}"], lanes=1))


def test_a_noting_sandbox_tells_the_searches_that_it_answered() -> None:
    body = {"query": {"field": "role", "operator": "=", "value": "user"}}

    with serving(noting_app(Workspace(contacts=5, segments=0))) as url:
        Served(url).ask("POST", "/contacts/search", body)
        Served(url).ask("GET", "/me")
        noted = Served(url).ask("GET", SEARCHES).json()

    assert [json.loads(each) for each in noted] == [body]


def test_a_workspace_tells_its_size_and_what_it_was_asked() -> None:
    workspace = Workspace(contacts=200, segments=4)

    with serving(create_app(workspace, limit=2)) as url:
        for _ in range(3):
            Served(url).ask("GET", "/me")
        told = Served(url).told()

    assert told.size == Size(200, tuple(len(workspace.members(segment)) for segment in workspace.segments))
    assert (told.calls, told.refused) == (2, 1)


def test_how_busy_a_sandbox_was_is_told_from_then_on() -> None:
    with serving(create_app(Workspace(contacts=1, segments=0))) as url:
        row = Watch(Served(url)).row("quota")

    assert (row.scenario, row.figure, row.target) == ("quota", "sandbox, CPU / wall", None)
    assert row.value > 0


def test_a_sync_is_configured_by_the_benchmark_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOURCES__INTERCOM__OVERLAP", "7")

    environment = environment_of(Served("http://127.0.0.1:1"), tmp_path, {"SOURCES__INTERCOM__SWEEP_BUDGET": 0})

    assert "SOURCES__INTERCOM__OVERLAP" not in environment
    assert environment["SOURCES__INTERCOM__SWEEP_BUDGET"] == "0"
    assert environment["WAREHOUSE__DATA_DIR"] == str(tmp_path)
