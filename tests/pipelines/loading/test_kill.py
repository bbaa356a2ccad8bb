"""Promises about runs that are killed, really and at named points: the run after them leaves nothing to be wished."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import ExitCode

from ...soak.audit import check_keys
from ...soak.kills import POINTS, NeverKilled, Site, contents, differences, sync_and_die

IN_A_FIRST_SYNC = (
    "while contacts are read",
    "when all is extracted, but the pipeline knows nothing of it",
    "when contacts are staged, but not marked so",
    "when the copy is written, but not published",
)
DAILY = ("third sync, when all is read", "third sync, when memberships are merged, but not marked so")
NIGHTLY = (pytest.mark.nightly,)
CASES = [
    pytest.param(age, point, id=name, marks=[pytest.mark.xdist_group(sync), *(() if name in DAILY else NIGHTLY)])
    for age, sync, points in ((0, "first sync", IN_A_FIRST_SYNC), (2, "third sync", tuple(POINTS)))
    for point in points
    for name in (f"{sync}, {point}",)
]


@pytest.mark.parametrize(("age", "point"), CASES)
def test_after_a_killed_run_the_next_one_leaves_all_as_if_nobody_had_been_killed(
    never_killed_at: Callable[[int], NeverKilled], age: int, point: str, tmp_path: Path
) -> None:
    reference, site = never_killed_at(age), Site(tmp_path / "data", age)
    shutil.copytree(reference.before, site.folder)

    exit_code = sync_and_die(site, POINTS[point])
    deployment = site.deployment()
    deployment.workspace.advance(seconds=1)
    outcome = deployment.sync()

    assert exit_code == -signal.SIGKILL
    assert outcome.exit_code == ExitCode.DONE
    assert differences(contents(deployment), reference.contents) == []
    check_keys(deployment)
