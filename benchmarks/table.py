"""The table, for a terminal and for the README."""

from collections.abc import Iterable, Iterator

from rich.table import Table

from .rows import Missing, Row, quantity

COLUMNS = ("row", "figure", "measured", "target", "holds", "seen")
FULL = 1.0


def cells(rows: Iterable[Row | Missing], scale: float) -> Iterator[tuple[str, ...]]:
    """A line each; targets are told for workspaces of full size only."""
    for row in rows:
        if isinstance(row, Missing):
            yield (row.scenario, "not measured", "", "", "", row.why)
            continue
        target = row.target if scale == FULL else None
        wanted = f"{target.sign} {quantity(target.bound, row.unit)}" if target else ""
        holds = ("yes" if target.is_met(row.value) else "no") if target else ""
        yield (row.scenario, row.figure, quantity(row.value, row.unit), wanted, holds, row.seen)


def on_screen(rows: Iterable[Row | Missing], scale: float) -> Table:
    """A table of rich."""
    table = Table(*COLUMNS, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for line in cells(rows, scale):
        table.add_row(*line)
    return table


def as_markdown(rows: Iterable[Row | Missing], scale: float) -> str:
    """A table of Markdown."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *cells(rows, scale)]
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)


def _escaped(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")
