"""The demo's result on a terminal: segment sizes by day, the last moves, and a query to paste."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..destinations import Warehouse
from .terminal import stderr, stdout

BARS = "▁▂▃▄▅▆▇█"

SIZES = """
select segments.name, list(daily.observed_on order by daily.observed_on) as days,
    list(daily.member_count order by daily.observed_on) as sizes, cast(sum(daily.entered_count) as integer) as joined,
    cast(sum(daily.left_count) as integer) as gone
from intercom.segment_daily as daily
join intercom.segments as segments using (workspace_id, segment_id)
group by segments.name
order by count(*) desc, joined + gone desc
limit 8
"""
MOVES = """
select events.occurred_on, segments.name, contacts.name, events.event, events.reason
from intercom.segment_membership_events as events
join intercom.segments as segments using (workspace_id, segment_id)
join intercom.contacts as contacts using (workspace_id, contact_id)
where events.reason <> 'baseline' and contacts.name is not null
order by events.occurred_on desc, hash(contact_id)
limit 8
"""
QUERY = """\
select daily.observed_on, daily.member_count, daily.entered_count, daily.left_count
from intercom.segment_daily as daily
join intercom.segments as segments using (workspace_id, segment_id)
where segments.name = 'Slipping Away'
order by daily.observed_on"""


def track_days(days: range) -> Iterator[int]:
    """A bar that fills day by day; only on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal) as bar:
        yield from bar.track(days, description="A workspace lives and is synced, day by day")


def show_demo(warehouse: Warehouse) -> None:
    """Prints segment sizes by day, the last joins and leaves, and a query to paste."""
    with duckdb.connect(str(warehouse.published), read_only=True) as connection:
        stdout.print(sizes(connection), moves(connection), sep="\n")
    place = shortest(warehouse.published)
    stdout.print(f"All of it is in {place}. Ask it, for example, in Python:\n", highlight=False, soft_wrap=True)
    stdout.print(escape(snippet(place)), highlight=False, soft_wrap=True)


def sizes(connection: duckdb.DuckDBPyConnection) -> Table:
    """The liveliest segments: a bar a day, and the size at some days."""
    rows = connection.execute(SIZES).fetchall()
    days = rows[0][1] if rows else []
    shown = sorted({0, len(days) // 2, len(days) - 1})
    table = Table("segment", title="Members of the liveliest segments", box=SIMPLE_HEAD)
    table.add_column("day by day", no_wrap=True)
    for at in shown:
        table.add_column(f"{days[at]:%d %b}", justify="right")
    table.add_column("joined", justify="right")
    table.add_column("left", justify="right")
    for name, _, counts, joined, gone in rows:
        at_days = (f"{counts[at]:,}" if at < len(counts) else "gone" for at in shown)
        table.add_row(escape(name), sparkline(counts), *at_days, f"{joined:,}", f"{gone:,}")
    return table


def moves(connection: duckdb.DuckDBPyConnection) -> Table:
    """Some who joined or left on the last day."""
    table = Table("day", "segment", "contact", "", "why", title="Who came and went last", box=SIMPLE_HEAD)
    for day, segment, contact, event, reason in connection.execute(MOVES).fetchall():
        table.add_row(str(day), escape(segment), escape(contact), event, reason)
    return table


def sparkline(counts: list[int]) -> str:
    """A bar a day between the smallest and the greatest."""
    low, span = min(counts), (max(counts) - min(counts)) or 1
    return "".join(BARS[(value - low) * (len(BARS) - 1) // span] for value in counts)


def shortest(path: Path) -> str:
    """The path from the current folder, where it lies below it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def snippet(published: str) -> str:
    """The query, as Python to paste."""
    return (
        f"import duckdb\n\nwarehouse = duckdb.connect({published!r}, read_only=True)\n"
        f'for row in warehouse.execute("""\n{QUERY}\n""").fetchall():\n    print(*row)'
    )
