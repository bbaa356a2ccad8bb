"""Claims about tasks that are ended from outside: the command ends with them, and leaves no process."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from .conftest import Script

if TYPE_CHECKING:
    from airflow.sdk import DAG

DAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Airflow runs the task in this process, and leaves its own handler of SIGTERM behind."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_terminated_task_ends_the_command(dags: dict[str, "DAG"], script: Script) -> None:
    script.does('kill -TERM "$PPID"', "exec sleep 600")
    dags["intercom_warehouse"].get_task("sync").retries = 0

    run = dags["intercom_warehouse"].test(logical_date=DAY)

    assert run.state == "failed"
    assert not script.is_running()


def test_a_task_that_takes_too_long_ends_the_command(dags: dict[str, "DAG"], script: Script) -> None:
    script.does("exec sleep 600")
    task = dags["intercom_warehouse"].get_task("sync")
    task.execution_timeout, task.retries = timedelta(seconds=1), 0

    run = dags["intercom_warehouse"].test(logical_date=DAY)

    assert run.state == "failed"
    assert not script.is_running()
