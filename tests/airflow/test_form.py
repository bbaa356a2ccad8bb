"""Claims about the DAG file, before a task runs."""

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import MANUAL

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag


@pytest.fixture
def bag(metadata: None) -> "DagBag":
    from airflow.dag_processing.dagbag import DagBag

    return DagBag()


def test_the_file_is_parsed_without_an_error_or_a_warning(bag: "DagBag") -> None:
    assert (bag.import_errors, bag.captured_warnings, bag.dag_warnings) == ({}, {}, set())
    assert set(bag.dags) == {"intercom_warehouse", "intercom_warehouse_backfill"}


def test_airflow_imports_nothing_of_the_project(bag: "DagBag") -> None:
    assert bag.dags
    assert find_spec("dlt") is None
    assert {"pipelines", "sources"}.isdisjoint(sys.modules)


def test_both_dags_share_the_one_slot_of_the_manuals_pool(bag: "DagBag") -> None:
    from airflow.models.pool import Pool

    pools = {task.pool for dag in bag.dags.values() for task in dag.tasks}

    assert [(pool.pool, pool.slots) for pool in Pool.get_pools() if pool.pool in pools] == [("intercom_warehouse", 1)]


def test_both_dags_update_the_asset_that_the_manual_names(bag: "DagBag") -> None:
    from airflow.sdk import Asset

    assert 'Asset("intercom_marts")' in MANUAL
    assert [task.outlets for dag in bag.dags.values() for task in dag.tasks] == [[Asset("intercom_marts")]] * 2


def test_no_dag_catches_up_and_no_dag_runs_twice_at_once(bag: "DagBag") -> None:
    assert {(dag.catchup, dag.max_active_runs) for dag in bag.dags.values()} == {(False, 1)}


def test_the_environment_sets_the_schedule_of_the_sync(metadata: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("INTERCOM_WAREHOUSE_SCHEDULE", "0 */6 * * *")
    timetables: dict[str, Any] = {name: dag.timetable for name, dag in DagBag().dags.items()}

    assert timetables["intercom_warehouse"].expression == "0 */6 * * *"
    assert timetables["intercom_warehouse_backfill"].expression == "0 0 * * *"
