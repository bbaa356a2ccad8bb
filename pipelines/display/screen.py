"""Progress as people see it: a live display, a line of a log, and a summary. Nothing here prints.

`rich.progress` does not fit: below 80 columns it wraps or cuts numbers, it has no line for the cost of all tasks, and
it estimates the time left of each task alone, although contacts and memberships share a quota.
"""

import math
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table

from sources.intercom.api import WINDOW_SECONDS

from .progress import ProgressMetrics, ResourceMetrics

WIDEST = 100
"""Columns. In a wider table, the eye loses the row between a name and its numbers."""
NARROW = 64
"""Columns. Calls and speeds of each resource do not fit into less."""


def live_display(metrics: ProgressMetrics, *, width: int) -> RenderableType:
    """A line for each resource and one for the cost, for a terminal of `width` columns."""
    cells = _narrow_cells if width < NARROW else _cells
    block = Group(_table(map(cells, metrics.resources)), _footer(metrics))
    return Constrain(Padding(block, (0, 1, 0, 2)), WIDEST)


def _table(rows: Iterable[Iterable[RenderableType]]) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    for ratio in (None, None, None, 1, None, None, None):  # the bar takes what the others leave
        table.add_column(no_wrap=True, ratio=ratio)
    for row in rows:
        table.add_row(*row)
    return table


def _cells(resource: ResourceMetrics) -> Iterator[RenderableType]:
    """Padded, so that columns do not move while numbers grow."""
    yield from _narrow_cells(resource)
    yield f"[dim]{_calls(resource.calls):>12}[/dim]"
    yield f"[dim]{_speed(resource):>9}[/dim]"


def _narrow_cells(resource: ResourceMetrics) -> Iterator[RenderableType]:
    percent = resource.percent
    yield f"{resource.name:<11}"
    yield f"{resource.rows:>9,}"
    yield f"{_of_expected(resource):<13}"
    yield "" if percent is None else ProgressBar(total=100, completed=percent, complete_style="cyan")
    yield f"{'' if percent is None else f'{percent}%':>4}"


def _of_expected(resource: ResourceMetrics) -> str:
    return "" if resource.expected is None else f"of {resource.expected:,}"


def _footer(metrics: ProgressMetrics) -> Table:
    """Costs on the left, times on the right."""
    footer = Table.grid(padding=(0, 1), expand=True)
    footer.add_column(no_wrap=True, ratio=1, style="dim")
    footer.add_column(no_wrap=True, justify="right")
    times = (_elapsed(metrics.seconds), _time_left(metrics.seconds_left))
    footer.add_row(" · ".join(_costs(metrics)), " · ".join(filter(None, times)))
    return footer


def _costs(metrics: ProgressMetrics) -> Iterator[str]:
    yield _calls(metrics.calls)
    if metrics.calls_per_window is not None:
        yield f"{metrics.calls_per_window:,.0f} per {WINDOW_SECONDS} s"
    if metrics.percent_of_quota is not None:
        yield f"{metrics.percent_of_quota}% of quota"
    yield _size(metrics.megabytes)


def log_line(metrics: ProgressMetrics) -> str:
    """All metrics in one line."""
    parts = [*(", ".join(_parts(resource)) for resource in metrics.resources), ", ".join(_costs(metrics))]
    time_left = _time_left(metrics.seconds_left)
    return "; ".join([*parts, f"{_elapsed(metrics.seconds)} elapsed" + (f", {time_left}" if time_left else "")])


def _parts(resource: ResourceMetrics) -> Iterator[str]:
    yield " ".join(filter(None, [f"{resource.rows:,}", _of_expected(resource), resource.name]))
    if resource.percent is not None:
        yield f"{resource.percent}%"
    yield _calls(resource.calls)
    if speed := _speed(resource):
        yield speed


def summary(metrics: ProgressMetrics) -> str:
    """What was read, in one line."""
    rows = ", ".join(f"{resource.rows:,} {resource.name}" for resource in metrics.resources)
    return f"Read {rows}: {_calls(metrics.calls)}, {_elapsed(metrics.seconds)}"


def _calls(calls: int) -> str:
    return f"{calls:,} call" if calls == 1 else f"{calls:,} calls"


def _speed(resource: ResourceMetrics) -> str:
    """Empty if unknown, or zero."""
    if not resource.per_second:
        return ""
    return f"{resource.per_second:,.0f}/s" if resource.per_second >= 10 else f"{resource.per_second:.1f}/s"


def _size(megabytes: float) -> str:
    return f"{megabytes:,.0f} MB" if megabytes >= 1000 else f"{megabytes:.1f} MB"


def _elapsed(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _time_left(seconds: float | None) -> str:
    """Rounded up, so that it does not flicker. Empty if unknown."""
    if seconds is None:
        return ""
    if seconds <= 50:
        return f"{10 * math.ceil(seconds / 10)} s left"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min left" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min left"
