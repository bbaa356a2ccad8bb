"""`demo`: three weeks of a made-up workspace, synced day by day, and what an analyst can ask then."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from sandbox import Workspace, create_app, in_process

from .display import progress, results
from .errors import Misconfigured
from .settings import DEMO_WORKSPACE, sandbox_settings
from .sync import Sync
from .warehouse import Warehouse

TOKEN = "demo"  # noqa: S105  # the sandbox lives in this process
QUOTA = 100_000
CHURN = 0.08
"""Events a day for each contact: enough that those who are active stay about as many."""
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


def demo(warehouse: Warehouse, *, contacts: int, days: int) -> None:
    """Lets a sandbox live for some days until today, syncs it every day, and shows what the warehouse then knows."""
    start_afresh(warehouse)
    start = datetime.now(UTC) - timedelta(days=days - 1, minutes=1)
    workspace = Workspace(contacts=contacts, workspace_id=DEMO_WORKSPACE, token=TOKEN, start=start)
    live_and_sync(workspace, warehouse, days)
    with duckdb.connect(str(warehouse.published), read_only=True) as connection:
        show(connection, warehouse)


def start_afresh(warehouse: Warehouse) -> None:
    """Clears the last demo away.

    Raises:
        Misconfigured: the folder belongs to a real workspace's warehouse, here or in PostgreSQL.
    """
    if warehouse.is_used and not warehouse.is_demo:
        raise Misconfigured(
            f"{warehouse.folder} holds a real workspace, which the demo leaves alone. Give the demo a folder of its "
            "own: WAREHOUSE__DATA_DIR=demo-data intercom-warehouse demo."
        )
    warehouse.clear()
    warehouse.mark_as_demo()


def live_and_sync(workspace: Workspace, warehouse: Warehouse, days: int) -> None:
    """One sync a day; between two, a day of sign-ups, visits, updates, deletions and edited segments."""
    transport = in_process(create_app(workspace, limit=QUOTA))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=progress, disable=not progress.is_terminal) as bar:
        for day in bar.track(range(days), description="A workspace lives and is synced, day by day"):
            if day:
                workspace.live(days=1, churn=CHURN)
            Sync(warehouse, sandbox_settings(TOKEN), DEMO_WORKSPACE, clock=workspace.now, transport=transport).run()


def show(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
    """Prints sizes by day, who came and went, and a query to go on with."""
    results.print(sizes(connection), moves(connection), sep="\n")
    place = shortest(warehouse.published)
    results.print(f"All of it is in {place}. Ask it, for example, in Python:\n", highlight=False, soft_wrap=True)
    results.print(escape(snippet(place)), highlight=False, soft_wrap=True)


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
