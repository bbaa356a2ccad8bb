"""The commands. Their docstrings are their help texts.

Each imports what it runs: dlt and Arrow take most of a second, which `status` and `--help` need not spend.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..choices import DEFAULT_SAMPLE, NO_HISTORY, FileFormat
from ..clock import utc_now
from ..destinations import Warehouse
from ..destinations import configured_warehouse as warehouse_of
from ..display import reporting, results, show_demo, show_status, show_verification, terminal
from ..errors import ExitCode, Misconfigured, plain_errors
from ..settings import (
    DEFAULT_WORKSPACE,
    alert_settings,
    chosen_resources,
    hashing,
    home,
    intercom_settings,
    monitoring_settings,
    warehouse_settings,
)
from .app import app
from .arguments import (
    CHUNK,
    NO_WAIT,
    AcceptLoss,
    AcceptShrink,
    After,
    AsJson,
    Ask,
    AsMetrics,
    Chunk,
    Contact,
    ContactId,
    Contacts,
    Days,
    Directory,
    DryRun,
    Engine,
    Focus,
    Format,
    From,
    Full,
    Marts,
    MartsFolder,
    MaxAge,
    OneSegment,
    OneWorkspace,
    Only,
    OnlyPlan,
    OnlyShow,
    Out,
    People,
    Raw,
    RawFolder,
    RunId,
    Sample,
    Seed,
    Select,
    Since,
    To,
    Wait,
    WindowOf,
    Within,
    WorkspaceName,
    Yes,
)
from .output import BuiltModels, PlannedBackfill, PlannedSync, Result, print_utf8, session

if TYPE_CHECKING:
    from ..commands import LakeBuild, Waiting


@app.command(epilog="Example: intercom-warehouse demo --days 7")
def demo(contacts: Contacts = 2000, days: Days = 21) -> None:
    """Simulate three weeks of a workspace, sync it day by day, and print a query. Needs no token and no network."""
    from ..commands import Report
    from ..commands.demo import demo as simulate_and_sync

    warehouse = Warehouse(warehouse_settings().folder)  # always a file: a demo leaves nothing in a database
    warehouse.data_folder.check()
    with plain_errors(warehouse.explain):
        simulate_and_sync(warehouse, contacts=contacts, days=days, track=reporting.track_days)
    show_demo(warehouse, Report(warehouse).write(warehouse.data_folder.report))


@app.command(epilog="Example: intercom-warehouse init")
def init() -> None:
    """Write the files of a new folder: settings with their reasons, a place for the token, a .gitignore.

    The folder is the current one, or the one that INTERCOM_WAREHOUSE_HOME names; in a clone the clone. No file that is
    there is changed.
    """
    from ..commands.init import initialize

    results.show_initialized(initialize(home()))


@app.command(epilog="Example: intercom-warehouse check")
def check(workspace: WorkspaceName = DEFAULT_WORKSPACE) -> ExitCode:
    """Check that a sync would work: token, scopes, segments, quota, lock, warehouse and region, one line each."""
    from ..alerts import rules_of
    from ..commands import run_checks

    rules_of(alert_settings(workspace).rules), monitoring_settings(workspace).file_below(home())  # as sync reads them
    warehouse, exit_code = warehouse_without_wait(), ExitCode.DONE
    with plain_errors(warehouse.explain):
        for finding in run_checks(warehouse, intercom_settings(workspace), workspace, utc_now()):
            results.show_check(finding)
            exit_code = ExitCode.INCOMPLETE if finding.remarks else exit_code
    return exit_code


@app.command(epilog="Example: intercom-warehouse --quiet sync --wait 10m")
def sync(
    full: Full = False,
    plan: OnlyPlan = False,
    accept_shrink: AcceptShrink = False,
    accept_loss: AcceptLoss = False,
    only: Only = None,
    wait: Wait = NO_WAIT,
    within: Within = None,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> Result:
    """Bring the warehouse up to date: read Intercom, load, build the tables, check them, publish them."""
    from ..alerts import rules_of
    from ..commands import Sync

    if not plan:
        watch("sync --full" if full else "sync", workspace)
    alerts = alert_settings(workspace)
    job = Sync(
        configured_warehouse(),
        workspace,
        settings=intercom_settings(workspace),
        full=full,
        accept_shrink=accept_shrink,
        accept_loss=accept_loss,
        only=only,
        rules=rules_of(alerts.rules),
        fail_on_alert=alerts.fail,
        wait=wait,
        within=within,
        say=reporting.say,
        watch=reporting.watch,
    )
    if plan:
        preview = job.preview()
        return Result(PlannedSync.of(preview), lambda: results.show_plan(preview))
    outcome = job.run()
    reporting.report_findings(outcome)
    return Result(outcome, lambda: results.show_sync(outcome, job.warehouse))


@app.command(
    help=f"Load the contacts of a time window again, chunk by chunk. Does not move the sync's cursor.\n\n{NO_HISTORY}",
    epilog="Example: intercom-warehouse backfill --from 2026-09-01 --to 2026-10-01 --dry-run",
)
def backfill(
    since: From,
    until: To,
    by: WindowOf = "created_at",
    chunk: Chunk = CHUNK,
    dry_run: DryRun = False,
    wait: Wait = NO_WAIT,
    within: Within = None,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> Result:
    from ..commands import Backfill

    if not dry_run:
        watch("backfill", workspace)
    job = Backfill(
        configured_warehouse(),
        workspace,
        settings=intercom_settings(workspace),
        since=since,
        until=until,
        by=by,
        chunk=chunk,
        wait=wait,
        within=within,
        say=reporting.say,
        watch=reporting.watch,
    )
    if dry_run:
        preview = job.preview()
        return Result(PlannedBackfill.of(preview), lambda: results.show_backfill_plan(preview))
    outcome = job.run()
    return Result(outcome, lambda: results.show_backfill(outcome, job.warehouse))


@app.command(epilog="Example: intercom-warehouse models --select segment_daily")
def models(
    select: Select = None,
    engine: Engine = None,
    raw: RawFolder = None,
    marts: MartsFolder = None,
    wait: Wait = NO_WAIT,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> Result:
    """Build the tables again from what is loaded, check them, publish them. Makes no call to Intercom.

    With --engine they are built on Spark, from what export --raw wrote, and published as Parquet files: all of them.
    """
    from ..commands import Rebuild

    if engine or raw or marts:
        built = _lake_build(engine, raw, marts, select, wait).run()
        return Result(BuiltModels.of(built), lambda: results.show_build(built))
    watch("models", workspace)
    built = Rebuild(configured_warehouse(), workspace, select=select, wait=wait, say=reporting.say).run()
    return Result(BuiltModels.of(built), lambda: results.show_build(built))


@app.command(epilog="Example: intercom-warehouse status --max-age 26h")
def status(
    max_age: MaxAge = None,
    workspace: OneWorkspace = None,
    as_metrics: AsMetrics = False,
    as_json: AsJson = False,
) -> Result:
    """Show the last runs, the age of the data, and which segments and days are missing.

    Needs no token, makes no call to Intercom, and does not wait for a sync that is running.
    """
    from ..commands.status import StatusQuery
    from ..monitoring import metrics_of

    query = StatusQuery(configured_warehouse(), utc_now(), max_age, workspace)
    if not as_metrics:
        found = query.answer()
        return Result(found, lambda: show_status(found, terminal.stdout))
    if as_json:
        raise Misconfigured("--json and --openmetrics are two formats of one output. Use one of them.")
    found, metrics = metrics_of(query)
    return Result(found, lambda: print_utf8(str(metrics)))


@app.command(epilog="Example: intercom-warehouse resources")
def resources(workspace: WorkspaceName = DEFAULT_WORKSPACE, as_json: AsJson = False) -> Result:
    """List what can be loaded beside segments and contacts: what is chosen, what it needs, and how it was last read.

    Needs no token, makes no call to Intercom, and does not wait for a sync that is running.
    """
    from ..commands import known_resources

    found = known_resources(configured_warehouse(), chosen_resources(workspace), workspace)
    return Result(found, lambda: results.show_resources(found))


@app.command(epilog="Example: intercom-warehouse report --focus Paying --out segments.html")
def report(
    out: Out = Path("report.html"),
    people: People = False,
    focus: Focus = None,
    since: Since = None,
    workspace: OneWorkspace = None,
    as_json: AsJson = False,
) -> Result:
    """Write a page to open and to forward: sizes, joins, leaves, retention, moves, overlaps and gaps of segments.

    The page is one file, which loads nothing. It has no personal data without --people. --json prints its numbers.
    Needs no token, and does not wait for a sync that is running.
    """
    from ..commands import Report

    begin = {} if since is None else {"since": since.date()}
    made = Report(configured_warehouse(), workspace, focus=focus or (), with_people=people, **begin)
    found = made.numbers() if as_json else made.write(out)
    return Result(found, lambda: results.show_report(out, has_people=people))


@app.command(epilog="Example: intercom-warehouse export marts --format csv --select segment_daily")
def export(
    directory: Directory,
    file_format: Format = FileFormat.PARQUET,
    select: Marts = None,
    raw: Raw = False,
    as_json: AsJson = False,
) -> Result:
    """Write the published tables as Parquet or CSV files, one for each table, all of the same sync.

    The files hold personal data, as the tables do. Needs no token, and does not wait for a sync that is running.
    """
    from ..commands import Export, RawExport

    if raw:
        if select or file_format != FileFormat.PARQUET:
            raise Misconfigured("--raw writes all loaded tables, as Parquet. Leave out --select and --format.")
        kept = warehouse_settings().kept_runs
        loaded = RawExport(configured_warehouse(), directory, kept, track=reporting.track_files).run()
        return Result(loaded, lambda: results.show_exported(loaded))
    job = Export(configured_warehouse(), directory, file_format, select, track=reporting.track_files)
    exported = job.run()
    return Result(exported, lambda: results.show_exported(exported))


@app.command(epilog="Example: intercom-warehouse verify --sample 500")
def verify(
    sample: Sample = DEFAULT_SAMPLE,
    seed: Seed = None,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> Result:
    """Compare the segments of random contacts in Intercom with the warehouse. Changes nothing.

    Changes since the last sync explain a difference. An unexplained difference gives exit code 6.
    """
    from ..commands.verify import Verify, random_seed

    verification = Verify(
        warehouse_without_wait(),
        workspace,
        settings=intercom_settings(workspace),
        sample=sample,
        seed=random_seed() if seed is None else seed,
        track=reporting.track,
    ).run()
    return Result(verification, lambda: show_verification(verification))


@app.command(epilog="Example: intercom-warehouse explain ada@example.com --segment Paying")
def explain(
    contact: Contact,
    segment: OneSegment = None,
    ask: Ask = False,
    workspace: OneWorkspace = None,
    as_json: AsJson = False,
) -> Result:
    """Print all that is known of one contact's memberships, and which scan saw it.

    It shows when the contact entered and left each segment, why, how that was seen, and what was not observed. Needs no
    token without --ask, takes no lock, and does not wait for a sync that is running. No log gets what it prints.
    """
    from ..commands.explain import Explain, Question, real_workspace
    from ..explanation import show_explanation

    privacy = hashing(workspace or DEFAULT_WORKSPACE)
    explained = Explain(configured_warehouse(), contact, segment=segment, workspace=workspace, privacy=privacy).run()
    if ask:
        explained = Question(intercom_settings(real_workspace(explained))).answered(explained)
    return Result(explained, lambda: show_explanation(explained))


@app.command(epilog="Example: intercom-warehouse forget 667d61cc8a68186f43bafe95")
def forget(
    contact_id: ContactId,
    wait: Wait = NO_WAIT,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> Result:
    """Remove a person from everything in the data folder. Counts do not change. Makes no call to Intercom.

    Delete the contact in Intercom first. Otherwise the next sync loads it again.
    """
    from ..commands import Forget

    job = Forget(configured_warehouse(), workspace, contact_id=contact_id, wait=wait, say=reporting.say)
    forgotten = job.run()
    return Result(forgotten, lambda: results.show_forgotten(forgotten))


@app.command(epilog="Example: intercom-warehouse abort-pending --yes")
def abort_pending(
    yes: Yes = False,
    wait: Wait = NO_WAIT,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> Result:
    """Show pending packages that cannot be loaded, and drop them. The next sync reads their data again.

    Rows of these packages that are already in the warehouse are deleted, except contacts.
    """
    from ..commands import Abort

    def confirm(pending: "Waiting") -> bool:
        if not as_json:
            results.show_pending(pending)
        if not yes and (as_json or not sys.stdin.isatty()):
            raise Misconfigured("Nothing was dropped, since this command cannot ask for confirmation here. Add --yes.")
        return yes or typer.confirm("Drop it?", err=True)

    aborted = Abort(configured_warehouse(), workspace, confirm=confirm, wait=wait, say=reporting.say).run()
    return Result(aborted, lambda: results.show_aborted(aborted))


@app.command(epilog="Example: intercom-warehouse repair --after 2026-03-02T09:30 --dry-run")
def repair(
    run: RunId = None,
    after: After = None,
    dry_run: OnlyShow = False,
    wait: Wait = NO_WAIT,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> Result:
    """Remove rows that are there twice, and what single runs have loaded. Makes no call to Intercom.

    Later observations stay. Contacts stay, too: the next sync reads again those that changed since a removed run.
    """
    from ..commands.repair import Repair

    job = Repair(
        configured_warehouse(), workspace, run_id=run, after=after, is_dry_run=dry_run, wait=wait, say=reporting.say
    )
    repaired = job.run()
    return Result(repaired, lambda: results.show_repaired(repaired))


def watch(command: str, workspace: str) -> None:
    """From here on, the end of this run is reported, as section `[monitoring]` says."""
    from ..monitoring import WatchedRun

    settings = monitoring_settings(workspace)
    session.watched = WatchedRun(
        command,
        workspace,
        utc_now(),
        openmetrics_file=settings.file_below(home()),
        urls=settings.notify_url,
        reasons=frozenset(settings.notify_on),
        template=settings.notify_body,
    )


def _lake_build(
    engine: str | None, raw: Path | None, marts: Path | None, select: list[str] | None, wait: timedelta
) -> "LakeBuild":
    from ..commands import LakeBuild

    if not (engine and raw and marts) or select:
        raise Misconfigured(
            "--engine, --raw and --marts go together, and build all models. Give all three, and leave out --select."
        )
    settings = warehouse_settings()
    return LakeBuild(
        address=engine,
        raw=raw,
        marts=marts,
        kept=settings.kept_runs,
        day_timezone=settings.day_timezone,
        wait=wait,
        say=reporting.say,
    )


def configured_warehouse() -> Warehouse:
    return warehouse_of(warehouse_settings())


def warehouse_without_wait() -> Warehouse:
    """For a command that writes nothing: its user waits for the answer, so it does not wait for readers to leave."""
    settings = warehouse_settings()
    settings.wait_for_readers = 0
    return warehouse_of(settings)
