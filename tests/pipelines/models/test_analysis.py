"""Retention, tenure, moves, overlap and calendar, compared with a workspace of 14 spells that was worked out by hand.

Two segments are scanned from 2 to 20 March, except on the 11th and 12th. Each run scans Paying until 09:00, and Trial
until 09:05.
"""

from collections.abc import Iterator
from typing import Any

import dlt
import pytest

from pipelines.destinations import Destination
from pipelines.destinations.duckdb import DuckDB
from pipelines.destinations.postgres import Postgres
from pipelines.models import load_models

from ...support.postgres import Server
from .raw_tables import Row, Warehouse

TRIAL, PAYING = "A", "B"
MARTS = {model.name for model in load_models() if model.layer == "marts"}
DESTINATIONS: dict[str, type[Destination]] = {"duckdb": DuckDB, "postgres": Postgres}
MOVES: dict[int, dict[str, dict[str, Any]]] = {
    2: {TRIAL: {"joins": "p q"}, PAYING: {"joins": "r"}},
    3: {TRIAL: {"joins": "a b c d"}},
    4: {TRIAL: {"joins": "g", "leaves": "a"}, PAYING: {"joins": "a"}},
    5: {TRIAL: {"leaves": "q"}},
    6: {PAYING: {"joins": "p"}},
    10: {TRIAL: {"leaves": "b"}},
    13: {TRIAL: {"leaves": "c g"}, PAYING: {"joins": "c"}},
    16: {TRIAL: {"joins": "e f"}},
    17: {TRIAL: {"leaves": "e"}},
    18: {TRIAL: {"joins": "e"}},
    19: {TRIAL: {"leaves": "f"}},
    20: {TRIAL: {"removed": "d"}},
}
ON_POSTGRES = pytest.param("postgres", marks=[pytest.mark.nightly, pytest.mark.xdist_group("postgres")])
DAYS = [day for day in range(2, 21) if day not in (11, 12)]


@pytest.fixture(
    scope="module",
    params=["duckdb", ON_POSTGRES],
)
def warehouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("hand")
    if request.param == "duckdb":
        destination: Any = dlt.destinations.duckdb(str(folder / "hand.duckdb"))
    else:
        server: Server = request.getfixturevalue("server")
        destination = dlt.destinations.postgres(server.database())
    pipeline = dlt.pipeline("hand", pipelines_dir=str(folder), destination=destination, dataset_name="intercom_raw")
    with pipeline.sql_client() as client:
        made = Warehouse(client, dialect=DESTINATIONS[request.param].dialect)
        made.create()
        _live(made)
        made.build()
        yield made


def _live(warehouse: Warehouse) -> None:
    warehouse.list_segment(TRIAL, name="Trial", seen="03-02 08:50")
    warehouse.list_segment(PAYING, name="Paying", seen="03-02 08:50")
    warehouse.list_segment(TRIAL, name="Trial", edited="03-18 20:00", seen="03-19 08:50")
    warehouse.meet(*"abcdefgpqr")
    for day in DAYS:
        moves = MOVES.get(day, {})
        warehouse.scan(f"03-{day:02} 09:00", PAYING, **moves.get(PAYING, {}))
        run = warehouse.scan(f"03-{day:02} 09:05", TRIAL, **moves.get(TRIAL, {}))
    warehouse.remove("d", "deleted", "03-20 09:04", happened="03-19 22:00", run=run)


def of(warehouse: Warehouse, mart: str, columns: str, where: str = "true") -> list[Row]:
    return warehouse.rows(f"select {columns} from intercom.{mart} where {where} order by {columns}")


def rounded(rows: list[Row]) -> list[Row]:
    return [tuple(round(value, 4) if isinstance(value, float) else value for value in row) for row in rows]


COHORT = "horizon_days, joined_count, eligible_count, retained_count, retention_rate, not_yet_count, unknown_count"


def test_retention_of_the_first_week_counts_only_joins_that_were_observed_for_long_enough(warehouse: Warehouse) -> None:
    found = of(warehouse, "segment_retention", COHORT, "segment_name = 'Trial' and joined_week_on = date '2026-03-02'")

    assert rounded(found)[:4] == [
        (1, 5, 5, 4, 0.8, 0, 0),
        (7, 5, 4, 2, 0.5, 0, 1),
        (14, 5, 5, 1, 0.2, 0, 0),
        (30, 5, 0, 0, None, 5, 0),
    ]


def test_retention_of_a_week_that_is_too_young_is_unknown(warehouse: Warehouse) -> None:
    found = of(warehouse, "segment_retention", COHORT, "segment_name = 'Trial' and joined_week_on = date '2026-03-16'")

    assert rounded(found)[:2] == [(1, 3, 3, 2, 0.6667, 0, 0), (7, 3, 0, 0, None, 3, 0)]


def test_survival_counts_members_for_as_long_as_they_were_observed(
    warehouse: Warehouse,
) -> None:
    columns = "stayed_days, ended_count, censored_count, survival_rate"

    found = of(warehouse, "segment_survival", columns, "segment_name = 'Trial'")

    assert rounded(found) == [
        (1, 2, 0, 0.75),
        (2, 0, 1, 0.75),
        (3, 0, 1, 0.75),
        (7, 1, 0, 0.5625),
        (9, 1, 0, 0.375),
        (10, 1, 0, 0.1875),
        (17, 1, 0, 0.0),
    ]


def test_the_median_stay_is_known_once_half_of_the_joiners_have_left(warehouse: Warehouse) -> None:
    columns = "segment_name, joined_count, ended_count, censored_count, median_days, restricted_mean_days"

    paying, trial = rounded(of(warehouse, "segment_tenure", columns))

    assert trial == ("Trial", 8, 6, 2, 9, 8.3125)
    assert paying[:5] == ("Paying", 3, 0, 3, None)


def test_moves_are_leaves_followed_by_a_join_in_whatever_order_one_run_observed_them(warehouse: Warehouse) -> None:
    columns = "segment_name, to_segment_name, days_within, left_count, moved_count, order_unproven_count"

    assert of(warehouse, "segment_transitions", columns, "days_within <= 7") == [
        ("Trial", "Paying", 1, 6, 2, 2),
        ("Trial", "Paying", 7, 5, 2, 2),
        ("Trial", "Trial", 1, 6, 1, 0),
    ]


def test_overlap_is_there_in_both_directions(warehouse: Warehouse) -> None:
    columns = "segment_name, other_segment_name, shared_count, share_of_segment, share_of_other, jaccard"

    assert rounded(of(warehouse, "segment_overlap", columns)) == [
        ("Paying", "Trial", 1, 0.25, 0.5, 0.2),
        ("Trial", "Paying", 1, 0.5, 0.25, 0.2),
    ]


def test_the_calendar_shows_days_without_an_observation_and_splits_the_leaves(warehouse: Warehouse) -> None:
    columns = (
        "day, day_status, member_count, known_member_count, days_since_known, left_count, left_of_themselves_count, "
        "contact_gone_count, segment_changed_count"
    )

    days = of(warehouse, "segment_calendar", columns, "segment_name = 'Trial'")

    assert [day for day in days if day[0] in ("03-10", "03-11", "03-12", "03-13", "03-19", "03-20")] == [
        ("03-10", "swept", 4, 4, 0, 1, 1, 0, 0),
        ("03-11", "unobserved", None, 4, 1, None, None, None, None),
        ("03-12", "unobserved", None, 4, 2, None, None, None, None),
        ("03-13", "swept", 2, 2, 0, 2, 2, 0, 0),
        ("03-19", "swept", 3, 3, 0, 1, 0, 0, 1),
        ("03-20", "swept", 2, 2, 0, 1, 0, 1, 0),
    ]
    assert len(days) == 19


def test_health_tells_gaps_edits_and_the_widest_window(warehouse: Warehouse) -> None:
    columns = "segment_name, known_day_count, unobserved_day_count, longest_gap_days, edit_count, widest_window_days"

    assert of(warehouse, "segment_health", columns) == [("Paying", 17, 2, 2, 0, 3), ("Trial", 17, 2, 2, 1, 1)]


def test_the_calendar_has_every_day_with_its_week(warehouse: Warehouse) -> None:
    days = of(warehouse, "calendar", "day, week_started_on, month_started_on, weekday_number, is_observed, is_last")

    assert len(days) == 19
    assert days[0] == ("03-02", "03-02", "03-01", 1, True, False)
    assert days[9] == ("03-11", "03-09", "03-01", 3, False, False)
    assert days[-1] == ("03-20", "03-16", "03-01", 5, True, True)


def test_a_summary_counts_segments_now_and_ever(warehouse: Warehouse) -> None:
    columns = "contact_id, segment_count, segment_ever_count, spell_count, first_joined_on, is_baseline_only"

    assert of(warehouse, "contact_segment_summary", columns, "contact_id in ('e', 'p', 'q', 'r')") == [
        ("e", 1, 1, 2, "03-16", False),
        ("p", 2, 2, 2, "03-06", False),
        ("q", 0, 1, 1, None, True),
        ("r", 1, 1, 1, None, True),
    ]


def test_a_timeline_has_the_events_of_a_contact_in_order(warehouse: Warehouse) -> None:
    columns = "occurred_on, event, segment_name, reason"

    assert of(warehouse, "contact_timeline", columns, "contact_id = 'c'") == [
        ("03-03", "entered", "Trial", "joined"),
        ("03-13", "entered", "Paying", "joined"),
        ("03-13", "left", "Trial", "left"),
    ]


def test_every_mart_with_a_segment_has_its_name(warehouse: Warehouse) -> None:
    columns = warehouse.rows(
        "select table_name, column_name from information_schema.columns where table_schema = 'intercom' "
        "and column_name in ('segment_id', 'segment_name')"
    )

    with_id = {table for table, column in columns if column == "segment_id" and table in MARTS}
    assert with_id == {table for table, column in columns if column == "segment_name" and table in MARTS}
