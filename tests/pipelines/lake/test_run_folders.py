"""Readers of a folder of runs see one complete run at every time."""

import os
from pathlib import Path

import pytest

from pipelines.errors import Busy, Misconfigured
from pipelines.folder import LockRequest
from pipelines.lake import RunFolders


def write(runs: RunFolders, text: str) -> Path:
    with runs.new_run(LockRequest()) as run:
        (run / "table").write_text(text)
        runs.point_to(run)
    return run


def folders(runs: RunFolders) -> set[Path]:
    return set(runs.folder.glob("run=*"))


def test_readers_see_a_run_once_it_is_complete(tmp_path: Path) -> None:
    runs = RunFolders(tmp_path / "marts", kept=2)
    first = write(runs, "first")

    with runs.new_run(LockRequest()) as run:
        (run / "table").write_text("second")
        assert runs.current == first
        runs.point_to(run)

    assert runs.current == run
    assert (runs.current / "table").read_text() == "second"


def test_as_many_complete_runs_stay_as_are_kept(tmp_path: Path) -> None:
    runs = RunFolders(tmp_path / "marts", kept=2)

    written = [write(runs, str(number)) for number in range(4)]

    assert folders(runs) == set(written[-2:])


def test_a_failed_run_leaves_the_one_before(tmp_path: Path) -> None:
    runs = RunFolders(tmp_path / "marts", kept=2)
    good = write(runs, "good")

    with pytest.raises(IsADirectoryError), runs.new_run(LockRequest()) as run:
        run.write_text("a folder is no file")

    assert runs.current == good
    assert folders(runs) == {good}


def test_what_a_killed_run_wrote_is_removed_by_the_next(tmp_path: Path) -> None:
    runs = RunFolders(tmp_path / "marts", kept=2)
    write(runs, "good")
    killed = runs.folder / "run=20260302T090000000000"
    killed.mkdir()

    with runs.new_run(LockRequest()):
        assert not killed.exists()


def test_one_run_writes_at_a_time(tmp_path: Path) -> None:
    runs = RunFolders(tmp_path / "marts", kept=2)

    with runs.new_run(LockRequest("models")), pytest.raises(Busy, match=f"A run of models .process {os.getpid()}"):
        write(RunFolders(runs.folder, kept=2), "at once")


@pytest.mark.parametrize(("pointer", "message"), [(None, "export --raw"), ("{}", "Choose another folder")])
def test_a_folder_without_a_pointer_is_refused_with_the_next_step(
    tmp_path: Path, pointer: str | None, message: str
) -> None:
    if pointer is not None:
        (tmp_path / "current.json").write_text(pointer)

    with pytest.raises(Misconfigured, match=message):
        _ = RunFolders(tmp_path, kept=2).current
