"""Promises about runs that are killed, really and at named points: the run after them leaves nothing to be wished."""

import shutil
import signal
from copy import copy
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ExitCode
from tests.soak.audit import check_keys
from tests.soak.kills import POINTS, contents, house_of, sync_and_die


@pytest.fixture(scope="session", params=[0, 2], ids=["first sync", "third sync"])
def never_killed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path, Any]:
    """The age of the workspace, the warehouse before that sync, and the marts after it and one more."""
    age: int = request.param
    folder = tmp_path_factory.mktemp("never-killed") / "data"
    before = folder.with_name("before")
    before.mkdir()
    for day in range(age):
        house_of(folder, age=day).sync()
        shutil.copytree(folder, before, dirs_exist_ok=True)
    house = house_of(folder, age=age)
    house.sync()
    house.sync()
    return age, before, contents(house)


@pytest.mark.parametrize("point", POINTS)
def test_after_a_run_that_was_killed_the_next_leaves_all_as_if_it_had_not_been(
    never_killed: tuple[int, Path, Any], point: str, tmp_path: Path
) -> None:
    age, before, expected = never_killed
    folder = tmp_path / "data"
    shutil.copytree(before, folder)

    exit_code = sync_and_die(folder, age, copy(POINTS[point]))
    house = house_of(folder, age=age)
    house.workspace.advance(seconds=1)
    outcome = house.sync()

    assert exit_code == -signal.SIGKILL
    assert outcome.exit_code == ExitCode.DONE
    assert contents(house) == expected
    check_keys(house)
