"""Claims about how Airflow reacts to an exit code. The command is a script that ends with it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from .conftest import Script

if TYPE_CHECKING:
    from airflow.sdk import DAG

DAY = datetime(2026, 3, 2, tzinfo=UTC)
TRIES = {0: 1, 1: 1, 2: 1, 3: 1, 4: 6, 5: 6, 6: 2, 7: 1, 130: 1}


@pytest.mark.parametrize("exit_code", TRIES)
@pytest.mark.parametrize("dag_id", ["intercom_warehouse", "intercom_warehouse_backfill"])
def test_an_exit_code_decides_whether_airflow_tries_again(
    dags: dict[str, "DAG"], script: Script, dag_id: str, exit_code: int
) -> None:
    script.does("echo '{}'", f"exit {exit_code}")

    run = dags[dag_id].test(logical_date=DAY)

    assert run.state == ("failed" if exit_code else "success")
    assert len(script.calls()) == TRIES[exit_code]


def test_a_command_that_was_killed_is_tried_again(dags: dict[str, "DAG"], script: Script) -> None:
    script.does("kill -KILL $$")

    run = dags["intercom_warehouse"].test(logical_date=DAY)

    assert run.state == "failed"
    assert len(script.calls()) == 6


def test_an_incomplete_segment_is_tried_again_only_at_first(dags: dict[str, "DAG"], script: Script) -> None:
    script.does(f"[ $(wc -l < {script.folder}/calls) -gt 1 ] && exit 6", "exit 5")

    dags["intercom_warehouse"].test(logical_date=DAY)

    assert len(script.calls()) == 2
