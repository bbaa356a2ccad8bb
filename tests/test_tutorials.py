"""Every command and every query in docs/tutorials is run, and prints what the tutorial shows."""

from pathlib import Path

import pytest

from .support.postgres import NEEDS_POSTGRES
from .tutorials import BLOCK, TUTORIALS, a_reader, followed, masked

NAMES = [path.stem for path in TUTORIALS]
NEEDS = {"postgresql": NEEDS_POSTGRES}


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[*NEEDS.get(name, ()), *([] if name == "first-sync" else [pytest.mark.nightly])])
        for name in NAMES
    ],
)
def test_a_tutorial_prints_what_it_shows(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text = TUTORIALS[NAMES.index(name)].read_text(encoding="utf-8")
    database = request.getfixturevalue("database") if name in NEEDS else None

    with a_reader(tmp_path, database) as reader:
        found = followed(text, reader)

    for shown, printed in zip(BLOCK.finditer(text), BLOCK.finditer(found), strict=True):
        assert masked(shown.group()) == masked(printed.group())


def test_there_are_five_tutorials_and_each_runs_something() -> None:
    assert len(TUTORIALS) == 5
    for path in TUTORIALS:
        blocks = list(BLOCK.finditer(path.read_text(encoding="utf-8")))
        assert sum(block["console"] is not None for block in blocks) >= 2, path.name
        assert any(block["answer"] for block in blocks), path.name


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("cost       85 calls, 4.2 MB, 21.4 s", "cost       85 calls, 4.3 MB, 1.0 s"),
        ("run 20261109T194650-533d12 at 2026-11-09 19:46:51", "run 20270109T194650-aaaaaa at 2027-01-09 01:46:51"),
        ("query      /path/to/data/published.duckdb", "query      /tmp/x-1/data/published.duckdb"),
    ],
)
def test_a_mask_hides_what_differs_between_two_runs(shown: str, printed: str) -> None:
    assert masked(shown) == masked(printed)


def test_a_mask_hides_no_number() -> None:
    assert masked("changed    977 joined, 0 left") != masked("changed    978 joined, 0 left")
