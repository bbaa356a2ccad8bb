"""Measures intercom-warehouse against lower bounds and other tools: `python -m benchmarks --help`."""

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory, mkdtemp
from typing import Annotated

import httpx
import typer
from rich.console import Console

from .measuring import ScenarioFailed
from .report import FULL, Missing, Row, on_screen, quantity, write_readme
from .scenarios import SCENARIOS, Bench

FAILURES = (ScenarioFailed, OSError, ImportError, SubprocessError, httpx.HTTPError)
WIDTH = 130
"""Columns of the table outside of a terminal."""

console = Console(width=None if sys.stdout.isatty() else WIDTH)
progress = Console(stderr=True, highlight=False)


def benchmarks(
    names: Annotated[list[str] | None, typer.Argument(help="The scenarios to run; see --list.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the scenarios and stop.")] = False,
    scale: Annotated[
        float, typer.Option(min=0.001, max=FULL, help="Size of all workspaces; 1 is the full size.")
    ] = FULL,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folders, and print where they are.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the table into benchmarks/README.md.")] = False,
) -> None:
    """Measure, and print a table. A value that misses its target is printed, and is not a failure."""
    if list_:
        show_list()
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # otherwise the child processes would outlive this one
    chosen = known(names or list(SCENARIOS))
    if write and (scale != FULL or len(chosen) < len(SCENARIOS)):
        raise typer.BadParameter("--write needs all scenarios at full size. Run it without names and --scale.")
    with data_folder(keep=keep) as folder, ExitStack() as stack:
        bench = Bench(scale, folder, stack)
        rows = [row for scenario in chosen for row in measured(scenario, bench)]
    console.print(on_screen(rows, scale))
    if write:
        write_readme(rows)
    raise typer.Exit(any(isinstance(row, Missing) for row in rows))


def show_list() -> None:
    for name, scenario in SCENARIOS.items():
        console.print(f"{name:22}{scenario.__doc__}", highlight=False)


def known(names: list[str]) -> list[str]:
    """The names in the order of execution."""
    if unknown := set(names) - SCENARIOS.keys():
        raise typer.BadParameter(f"{', '.join(sorted(unknown))} is not a scenario. --list prints all scenarios.")
    return [name for name in SCENARIOS if name in names]


def measured(name: str, bench: Bench) -> list[Row] | list[Missing]:
    """The rows of a scenario, or the reason why it could not be measured."""
    progress.print(f"· {name}")
    try:
        rows = SCENARIOS[name](bench)
    except FAILURES as failure:  # the results of the other scenarios, half an hour of work, stay
        progress.print(f"  {failure}")
        return [Missing(name, str(failure))]
    for row in rows:
        progress.print(f"  {row.metric}: {quantity(row.value, row.unit)} {row.details}")
    return rows


@contextmanager
def data_folder(*, keep: bool) -> Iterator[Path]:
    """A temporary folder for the data folders, removed afterwards unless `keep` is true."""
    if keep:
        folder = Path(mkdtemp(prefix="benchmarks-"))
        progress.print(f"Data folders are kept in {folder}")
        yield folder
        return
    with TemporaryDirectory(prefix="benchmarks-") as name:
        yield Path(name)


if __name__ == "__main__":
    typer.run(benchmarks)
