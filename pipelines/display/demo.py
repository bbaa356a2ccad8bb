"""The result of `demo`: segment sizes by day, the last joins and leaves, and a query to paste."""

from pathlib import Path

import duckdb
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from sources.intercom.wire import named

from ..destinations import Warehouse
from .results import show_report
from .terminal import as_text, shortest, stdout

BARS = "▁▂▃▄▅▆▇█"

SIZES = """
select segments.name, list(daily.observed_on order by daily.observed_on) as days,
    list(daily.member_count order by daily.observed_on) as sizes, cast(sum(daily.entered_count) as integer) as joined,
    cast(sum(daily.left_count) as integer) as left_segment
from intercom.segment_daily as daily
join intercom.segments as segments using (workspace_id, segment_id)
group by segments.name
order by count(*) desc, joined + left_segment desc, segments.name
limit 8
"""
MOVES = """
select events.occurred_on, segments.name, contacts.name, events.event, events.reason
from intercom.segment_membership_events as events
join intercom.segments as segments using (workspace_id, segment_id)
join intercom.contacts as contacts using (workspace_id, contact_id)
where events.reason <> 'baseline' and contacts.name is not null
order by events.occurred_on desc, hash(contact_id), segments.name
limit 8
"""
QUERY = """\
select daily.observed_on, daily.member_count, daily.entered_count, daily.left_count
from intercom.segment_daily as daily
join intercom.segments as segments using (workspace_id, segment_id)
where segments.name = 'Slipping Away'
order by daily.observed_on"""


def show_demo(warehouse: Warehouse, report: Path) -> None:
    """Ends with a query, so that it can be copied with all that follows."""
    with duckdb.connect(str(warehouse.published), read_only=True) as connection:
        stdout.print(sizes(connection), moves(connection), sep="\n")
    show_report(report, has_people=False)
    published = shortest(warehouse.published)
    stdout.print(f"The tables are in {published}. Query them in Python, say:\n", highlight=False, soft_wrap=True)
    stdout.print(escape(snippet(published)), highlight=False, soft_wrap=True)


def sizes(connection: duckdb.DuckDBPyConnection) -> Table:
    """The segments with the most joins and leaves: a sparkline, and the size on three days."""
    rows = connection.execute(SIZES).fetchall()
    days = rows[0][1] if rows else []
    shown = sorted({0, len(days) // 2, len(days) - 1})
    table = Table("segment", title="Members of the segments that changed most", box=SIMPLE_HEAD)
    table.add_column("day by day", no_wrap=True)
    for index in shown:
        table.add_column(f"{days[index]:%d %b}", justify="right")
    table.add_column("joined", justify="right")
    table.add_column("left", justify="right")
    for name, _, counts, joined, left in rows:
        on_days = (f"{counts[index]:,}" if index < len(counts) else "deleted" for index in shown)
        table.add_row(as_text(named(name)), sparkline(counts), *on_days, f"{joined:,}", f"{left:,}")
    return table


def moves(connection: duckdb.DuckDBPyConnection) -> Table:
    """Some joins and leaves of the last day."""
    table = Table("day", "segment", "contact", "", "why", title="The last joins and leaves", box=SIMPLE_HEAD)
    for day, segment, contact, event, reason in connection.execute(MOVES).fetchall():
        table.add_row(str(day), as_text(named(segment)), as_text(named(contact)), event, reason)
    return table


def sparkline(counts: list[int]) -> str:
    """One bar a day, between the smallest count and the largest."""
    low, span = min(counts), (max(counts) - min(counts)) or 1
    return "".join(BARS[(count - low) * (len(BARS) - 1) // span] for count in counts)


def snippet(published: str) -> str:
    """Python to paste."""
    return (
        f"import duckdb\n\nwarehouse = duckdb.connect({published!r}, read_only=True)\n"
        f'for row in warehouse.execute("""\n{QUERY}\n""").fetchall():\n    print(*row)'
    )
