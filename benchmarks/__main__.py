"""Measures intercom-warehouse against floors and against others: `python -m benchmarks --help`."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory, mkdtemp
from typing import Annotated

import httpx
import typer
from rich.console import Console

from benchmarks import readme

from .bench import Bench
from .building import models
from .children import Failed
from .memory import memory
from .plain import plain
from .quota import quota, two
from .rows import Missing, Row, quantity
from .table import FULL, on_screen
from .tap import tap
from .throughput import throughput, unchanged

Scenario = Callable[[Bench], list[Row]]

SCENARIOS: Mapping[str, Scenario] = {
    scenario.__name__: scenario for scenario in (tap, quota, two, memory, models, throughput, plain, unchanged)
}
"""In the order in which they run: the last three share one large workspace, which stays until the end."""

FAILURES = (Failed, OSError, ImportError, SubprocessError, httpx.HTTPError)
WIDTH = 130
"""Of the table where nobody looks at a terminal."""

console = Console(width=None if sys.stdout.isatty() else WIDTH)
progress = Console(stderr=True, highlight=False)


def benchmarks(
    names: Annotated[list[str] | None, typer.Argument(help="Only these; see --list.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name the scenarios and stop.")] = False,
    scale: Annotated[float, typer.Option(min=0.001, max=FULL, help="Workspaces of this part of their size.")] = FULL,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folders, and say where.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Put the table into benchmarks/README.md.")] = False,
) -> None:
    """Measure, and print a table. Nothing here is a test: a figure that misses its target is told, no more."""
    if list_:
        show_list()
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else processes would outlive this one
    chosen = known(names or list(SCENARIOS))
    if write and (scale != FULL or len(chosen) < len(SCENARIOS)):
        raise typer.BadParameter("--write takes all scenarios at full size.")
    with folder(keep=keep) as place, ExitStack() as stack:
        bench = Bench(scale, place, stack)
        rows = [row for scenario in chosen for row in measured(scenario, bench)]
    console.print(on_screen(rows, scale))
    if write:
        readme.write(rows)
    raise typer.Exit(any(isinstance(row, Missing) for row in rows))


def show_list() -> None:
    """Names every scenario, and what it is."""
    for name, scenario in SCENARIOS.items():
        console.print(f"{name:12}{scenario.__doc__}", highlight=False)


def known(names: list[str]) -> list[str]:
    """The names in the order in which they run."""
    if unknown := set(names) - SCENARIOS.keys():
        raise typer.BadParameter(f"There is no scenario {', '.join(sorted(unknown))}; --list names them.")
    return [name for name in SCENARIOS if name in names]


def measured(name: str, bench: Bench) -> list[Row] | list[Missing]:
    """The rows of a scenario, or why there are none."""
    progress.print(f"· {name}")
    try:
        rows = SCENARIOS[name](bench)
    except FAILURES as failure:  # half an hour of others' figures is not lost for it
        progress.print(f"  {failure}")
        return [Missing(name, str(failure))]
    for row in rows:
        progress.print(f"  {row.figure}: {quantity(row.value, row.unit)} {row.seen}")
    return rows


@contextmanager
def folder(*, keep: bool) -> Iterator[Path]:
    """Where data folders are: a temporary folder, gone afterwards unless it is to be kept."""
    if keep:
        place = Path(mkdtemp(prefix="benchmarks-"))
        progress.print(f"Data folders are kept in {place}")
        yield place
        return
    with TemporaryDirectory(prefix="benchmarks-") as name:
        yield Path(name)


if __name__ == "__main__":
    typer.run(benchmarks)
