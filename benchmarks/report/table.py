"""The table of results."""

from collections.abc import Iterable, Iterator

from rich.table import Table

from .rows import Missing, Row, quantity

COLUMNS = ("scenario", "metric", "measured", "target", "met", "details")
FULL = 1.0
"""The scale of workspaces of full size."""


def cells(rows: Iterable[Row | Missing], scale: float) -> Iterator[tuple[str, ...]]:
    """The cells of each row. Targets hold only for workspaces of full size."""
    for row in rows:
        if isinstance(row, Missing):
            yield (row.scenario, "not measured", "", "", "", row.reason)
            continue
        target = row.target if scale == FULL else None
        wanted = f"{target.sign} {quantity(target.bound, row.unit)}" if target else ""
        is_met = ("yes" if target.is_met(row.value) else "no") if target else ""
        yield (row.scenario, row.metric, quantity(row.value, row.unit), wanted, is_met, row.details)


def on_screen(rows: Iterable[Row | Missing], scale: float) -> Table:
    """The table for a terminal."""
    table = Table(*COLUMNS, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for line in cells(rows, scale):
        table.add_row(*line)
    return table


def as_markdown(rows: Iterable[Row | Missing], scale: float) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *cells(rows, scale)]
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)


def _escaped(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")
