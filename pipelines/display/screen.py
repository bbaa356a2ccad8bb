"""A run's figures, as people see them: a screen that moves, a line in a log, a summary. Nothing here prints."""

import math
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table

from sources.intercom.api import WINDOW_SECONDS

from .progress import ProgressFigures, Row

WIDEST = 100
"""Columns: further apart, a row's figures are hard to follow to its name."""
NARROW = 64
"""Columns below which not everything fits."""


def screen(figures: ProgressFigures, *, width: int) -> RenderableType:
    """Four lines for a terminal of so many columns; a narrow one is not told calls and speeds of each resource."""
    cells = _read if width < NARROW else _read_and_pace
    block = Group(_table(map(cells, figures.rows)), _footer(figures))
    return Constrain(Padding(block, (0, 1, 0, 2)), WIDEST)


def _table(rows: Iterable[Iterable[RenderableType]]) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    for ratio in (None, None, None, 1, None, None, None):  # the bar takes what the others leave
        table.add_column(no_wrap=True, ratio=ratio)
    for row in rows:
        table.add_row(*row)
    return table


def _read_and_pace(row: Row) -> Iterator[RenderableType]:
    """Cells are padded, so that columns stay where they are while numbers grow."""
    yield from _read(row)
    yield f"[dim]{_calls(row.calls):>12}[/dim]"
    yield f"[dim]{_speed(row):>9}[/dim]"


def _read(row: Row) -> Iterator[RenderableType]:
    yield f"{row.name:<11}"
    yield f"{row.rows:>9,}"
    yield f"{_of(row):<13}"
    yield "" if row.percent is None else ProgressBar(total=100, completed=row.percent, complete_style="cyan")
    yield f"{'' if row.percent is None else f'{row.percent}%':>4}"


def _of(row: Row) -> str:
    return "" if row.expected is None else f"of {row.expected:,}"


def _footer(figures: ProgressFigures) -> Table:
    """What it costs on the left, in places that stay; time on the right."""
    footer = Table.grid(padding=(0, 1), expand=True)
    footer.add_column(no_wrap=True, ratio=1, style="dim")
    footer.add_column(no_wrap=True, justify="right")
    time_left = _rounded(figures.seconds_left)
    footer.add_row(" · ".join(_costs(figures)), " · ".join(filter(None, (_elapsed(figures.seconds), time_left))))
    return footer


def _costs(figures: ProgressFigures) -> Iterator[str]:
    yield _calls(figures.calls)
    if figures.calls_per_window is not None:
        yield f"{figures.calls_per_window:,.0f} per {WINDOW_SECONDS} s"
    if figures.percent_of_quota is not None:
        yield f"{figures.percent_of_quota}% of quota"
    yield _size(figures.megabytes)


def line(figures: ProgressFigures) -> str:
    """The same in a line of words, for a log."""
    parts = [*(", ".join(_words(row)) for row in figures.rows), ", ".join(_costs(figures))]
    time_left = _rounded(figures.seconds_left)
    return "; ".join([*parts, f"{_elapsed(figures.seconds)} elapsed" + (f", {time_left}" if time_left else "")])


def _words(row: Row) -> Iterator[str]:
    yield " ".join(filter(None, [f"{row.rows:,}", _of(row), row.name]))
    if row.percent is not None:
        yield f"{row.percent}%"
    yield _calls(row.calls)
    if speed := _speed(row):
        yield speed


def summary(figures: ProgressFigures) -> str:
    """What was read in the end, in a line of words."""
    read = ", ".join(f"{row.rows:,} {row.name}" for row in figures.rows)
    return f"Read {read}: {_calls(figures.calls)}, {_elapsed(figures.seconds)}"


def _calls(calls: int) -> str:
    return f"{calls:,} call" if calls == 1 else f"{calls:,} calls"


def _speed(row: Row) -> str:
    """Empty where it is not known, or stands still."""
    if not row.per_second:
        return ""
    return f"{row.per_second:,.0f}/s" if row.per_second >= 10 else f"{row.per_second:.1f}/s"


def _size(megabytes: float) -> str:
    return f"{megabytes:,.0f} MB" if megabytes >= 1000 else f"{megabytes:.1f} MB"


def _elapsed(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _rounded(seconds_left: float | None) -> str:
    """Time left, rounded up so far that it stands still between two looks; empty where it is not known."""
    if seconds_left is None:
        return ""
    if seconds_left <= 50:
        return f"{10 * math.ceil(seconds_left / 10)} s left"
    minutes = math.ceil(seconds_left / 60)
    return f"{minutes} min left" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min left"
