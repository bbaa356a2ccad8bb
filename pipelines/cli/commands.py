"""The command line. Results go to standard output, progress and errors to standard error."""

import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NoReturn

import typer
from stamina.instrumentation import set_on_retry_hooks

from pipelines.display import json_lines, results, terminal
from sources.intercom.api import IntercomError
from sources.intercom.readings import By, Preview

from ..commands import (
    DEFAULT_CHUNK,
    LATEST_ONLY,
    NO_HISTORY,
    Abort,
    Backfill,
    BackfillPreview,
    Forget,
    Rebuild,
    Sync,
    Waiting,
    run_checks,
)
from ..commands.status import StatusQuery
from ..commands.verify import DEFAULT_SAMPLE, Verify, a_seed
from ..destinations import Warehouse, configured_warehouse
from ..display import Reporter, show_demo, show_status, track_days
from ..errors import ExitCode, Misconfigured, Problem, WarehouseError, plain_errors
from ..folder import AT_ONCE
from ..runs import utc_now
from ..settings import (
    DEFAULT_WORKSPACE,
    DEMO_WORKSPACE,
    intercom_settings,
    use_project_config,
    warehouse_settings,
)
from .arguments import duration, moment
from .output import BuiltModels, PlannedBackfill, PlannedSync, json_of

EXIT_CODES = (
    "Exit codes: 0 done · 1 unexpected · 2 usage or configuration · 3 refused by Intercom · 4 Intercom or the network "
    "unavailable, retry later · 5 warehouse busy · 6 done, but worth a look: segments could not be read completely, or "
    "verify found a difference that nothing explains, or not all of a backfill's window was shown, or the last good "
    "sync is older than status --max-age allows · 7 loaded, but a model or a check failed and the marts stayed as they "
    "were."
)

app = typer.Typer(
    name="intercom-warehouse",
    help="Keeps a warehouse equal to an Intercom workspace, and remembers which contact was in which segment, and "
    "since when.\n\nFirst steps: [bold]demo[/bold] shows what it does; [bold]check[/bold] tells whether your token "
    "works; [bold]sync[/bold] from cron does the rest.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

WorkspaceName = Annotated[
    str,
    typer.Option(
        "--workspace",
        metavar="NAME",
        help="A workspace with a pipeline and a token of its own: section NAME.sources.intercom in .dlt/, or "
        "NAME__SOURCES__INTERCOM__ACCESS_TOKEN.",
    ),
]
Wait = Annotated[
    timedelta | None,
    typer.Option(
        parser=duration, metavar="10m", help="Wait so long for another run to be done, instead of not at all."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What Typer raises for a command line that cannot be: it brings its own Click, and has no public name for this."""


class LogFormat(StrEnum):
    """How progress and errors are told on standard error."""

    HUMAN = "human"
    JSON = "json"


@dataclass
class Mode:
    """What holds for every command."""

    debug: bool = False
    quiet: bool = False
    as_json: bool = False
    reporter: Reporter = terminal


mode = Mode()


def choose_reporter(log_format: LogFormat) -> LogFormat:
    """Chosen before all else that is on the command line is understood, so that errors in it are told so, too."""
    if log_format == LogFormat.JSON:
        json_lines.begin()
        mode.reporter = json_lines
    return log_format


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    quiet: Annotated[bool, typer.Option(help="No progress, only results and errors.")] = False,
    log_format: Annotated[
        LogFormat,
        typer.Option(
            envvar="INTERCOM_WAREHOUSE_LOG_FORMAT",
            is_eager=True,
            callback=choose_reporter,
            help="How progress and errors are told on standard error: for people, or as one JSON object a line.",
        ),
    ] = LogFormat.HUMAN,
) -> None:
    """What holds for every command."""
    mode.debug, mode.quiet = debug, quiet
    set_on_retry_hooks([] if quiet else [mode.reporter.retrying])
    if quiet:
        json_lines.hush()
    if not debug:  # a run that ends early is told in our words; asyncio would add a traceback for each open generator
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)


@app.command()
def sync(
    full: Annotated[
        bool, typer.Option("--full", help="Read every contact, not only those changed; ask for those no longer found.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Tell what would be read, why and at what cost, and stop there.")
    ] = False,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Believe at once that a segment lost most of its members.")
    ] = False,
    wait: Wait = None,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Bring the warehouse up to date: read, load, build, check, publish."""
    mode.as_json = as_json
    job = Sync(
        a_warehouse(),
        workspace,
        settings=intercom_settings(a_name(workspace)),
        full=full,
        accept_shrink=accept_shrink,
    )
    job.wait = wait or AT_ONCE
    if not mode.quiet:
        job.say, job.watch = mode.reporter.say, mode.reporter.watch
    if plan:
        show_plan(job.preview(), as_json=as_json)
        return
    outcome = job.run()
    mode.reporter.remark(outcome)
    if as_json:
        typer.echo(json_of(outcome))
    else:
        results.show(outcome, job.warehouse)
    raise typer.Exit(outcome.exit_code)


@app.command()
def models(
    select: Annotated[list[str] | None, typer.Option(help="Only this model and what follows from it.")] = None,
    wait: Wait = None,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Rebuild the tables analysts query from what was loaded, run the checks, publish. Asks Intercom nothing."""
    mode.as_json = as_json
    job = Rebuild(a_warehouse(), a_name(workspace), select=select, wait=wait or AT_ONCE)
    if not mode.quiet:
        job.say = mode.reporter.say
    built = job.run()
    if as_json:
        typer.echo(json_of(BuiltModels.of(built)))
    else:
        results.show_build(built)


@app.command(
    help=f"Load the contacts of a window of time again, chunk by chunk, whatever sync has read.\n\n{NO_HISTORY}"
)
def backfill(
    since: Annotated[
        datetime, typer.Option("--from", parser=moment, metavar="D", help="A date, or date and time, in UTC.")
    ],
    until: Annotated[
        datetime, typer.Option("--to", parser=moment, metavar="D", help="The window ends before this moment.")
    ],
    by: Annotated[
        By, typer.Option(help=f"Which time of a contact has to lie in the window. {LATEST_ONLY}")
    ] = "created_at",
    chunk: Annotated[
        timedelta, typer.Option(parser=duration, metavar="T", help="What is loaded at a time; a kill loses no more.")
    ] = f"{DEFAULT_CHUNK.days}d",  # type: ignore[assignment]  # the parser reads the default, too
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell the chunks and what they would cost, and stop there.")
    ] = False,
    wait: Wait = None,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Load the contacts of a window of time."""
    mode.as_json = as_json
    settings = intercom_settings(a_name(workspace))
    waits = wait or AT_ONCE
    job = Backfill(
        a_warehouse(), workspace, settings=settings, since=since, until=until, by=by, chunk=chunk, wait=waits
    )
    if not mode.quiet:
        job.say, job.watch = mode.reporter.say, mode.reporter.watch
    if dry_run:
        show_chunks(job.preview(), as_json=as_json)
        return
    outcome = job.run()
    if as_json:
        typer.echo(json_of(outcome))
    else:
        results.show_backfill(outcome, job.warehouse)
    raise typer.Exit(outcome.exit_code)


@app.command()
def check(workspace: WorkspaceName = DEFAULT_WORKSPACE) -> None:
    """Tell whether a sync would work: token, scopes, quota, lock, warehouse, region, a line each."""
    warehouse = an_impatient_warehouse()
    with plain_errors(warehouse.explain):
        for name, found in run_checks(warehouse, intercom_settings(a_name(workspace)), workspace):
            results.show_check(name, found)


@app.command()
def verify(
    sample: Annotated[int, typer.Option(min=1, metavar="N", help="Contacts to ask about, chosen at random.")] = (
        DEFAULT_SAMPLE
    ),
    seed: Annotated[
        int | None, typer.Option(metavar="S", help="Choose the contacts that an earlier run chose: it told its seed.")
    ] = None,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Ask Intercom for random contacts' own segment lists and compare them with the warehouse. Changes nothing.

    A difference that comes of time since the last sync is explained; one that nothing explains gives exit code 6.
    """
    mode.as_json = as_json
    settings = intercom_settings(a_name(workspace))
    job = Verify(
        an_impatient_warehouse(), workspace, settings=settings, sample=sample, seed=a_seed() if seed is None else seed
    )
    if not mode.quiet:
        job.track = mode.reporter.track
    found = job.run()
    if as_json:
        typer.echo(json_of(found))
    else:
        results.show_verification(found)
    raise typer.Exit(found.exit_code)


@app.command()
def status(
    max_age: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="26h", help="Exit with 6 where the last good sync is older than this."),
    ] = None,
    workspace: Annotated[
        str | None, typer.Option("--workspace", metavar="NAME", help="Only this workspace, instead of all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell how the last runs went, how fresh the warehouse is, and which segments and days it does not know.

    Needs no token, asks Intercom nothing, and never waits: a sync may be running.
    """
    mode.as_json = as_json
    found = StatusQuery(a_warehouse(), utc_now(), max_age, workspace).answer()
    if as_json:
        typer.echo(json_of(found))
    else:
        show_status(found, terminal.stdout)
    raise typer.Exit(found.exit_code)


@app.command()
def abort_pending(
    yes: Annotated[bool, typer.Option("--yes", help="Drop it without being asked.")] = False,
    wait: Wait = None,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Show what was read and cannot be loaded, and drop it: the next sync reads it again.

    What had arrived of it is deleted, but for contacts.
    """
    mode.as_json = as_json

    def confirm(waiting: Waiting) -> bool:
        if not as_json:
            results.show_waiting(waiting)
        if not yes and (as_json or not sys.stdin.isatty()):
            raise Misconfigured("Nothing was dropped, since nobody can be asked here: add --yes.")
        return yes or typer.confirm("Drop it?", err=True)

    job = Abort(a_warehouse(), a_name(workspace), confirm=confirm, wait=wait or AT_ONCE)
    if not mode.quiet:
        job.say = mode.reporter.say
    aborted = job.run()
    if as_json:
        typer.echo(json_of(aborted))
    else:
        results.show_aborted(aborted)


@app.command()
def forget(
    contact_id: Annotated[str, typer.Argument(metavar="CONTACT_ID", help="The contact's id in Intercom.")],
    wait: Wait = None,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Remove a person from everything below the data folder; counts stay as they were. Asks Intercom nothing.

    Delete the contact in Intercom first: from there the next sync would bring it back.
    """
    mode.as_json = as_json
    job = Forget(a_warehouse(), a_name(workspace), contact_id=contact_id, wait=wait or AT_ONCE)
    if not mode.quiet:
        job.say = mode.reporter.say
    found = job.run()
    if as_json:
        typer.echo(json_of(found))
    else:
        results.show_forgotten(found)


@app.command()
def demo(
    contacts: Annotated[int, typer.Option(min=50, help="People in the made-up workspace.")] = 2000,
    days: Annotated[int, typer.Option(min=2, max=90, help="Days it lives; each ends with a sync.")] = 21,
) -> None:
    """Three weeks of a made-up workspace, synced day by day, then a query. Needs no token and no network."""

    from ..commands.demo import demo as live_and_sync  # imports the sandbox, which no other command needs

    warehouse = Warehouse(warehouse_settings().folder)  # always a file: a demo leaves no trace in a database
    with plain_errors(warehouse.explain):
        live_and_sync(warehouse, contacts=contacts, days=days, track=track_days)
    show_demo(warehouse)


def show_plan(preview: Preview, *, as_json: bool) -> None:
    """Prints the plan of a sync."""
    if as_json:
        typer.echo(json_of(PlannedSync.of(preview)))
    else:
        results.show_preview(preview)


def show_chunks(preview: BackfillPreview, *, as_json: bool) -> None:
    """Prints what a backfill would read."""
    if as_json:
        typer.echo(json_of(PlannedBackfill.of(preview)))
    else:
        results.show_backfill_preview(preview)


def a_warehouse() -> Warehouse:
    """The configured warehouse."""
    return configured_warehouse(warehouse_settings())


def an_impatient_warehouse() -> Warehouse:
    """The configured warehouse, for a command that writes nothing: its user waits for the answer."""
    settings = warehouse_settings()
    settings.wait_for_readers = 0
    return configured_warehouse(settings)


def a_name(workspace: str) -> str:
    """A workspace's name, which has to be one word: it is a dlt pipeline's, and part of environment variables.

    Raises:
        Misconfigured: it is none, or the demo's.
    """
    if not workspace.isidentifier() or not workspace.islower() or workspace == DEMO_WORKSPACE:
        raise Misconfigured(
            f"--workspace {workspace!r} cannot be: choose small letters, digits and underscores, but not "
            f"{DEMO_WORKSPACE!r}."
        )
    return workspace


def main() -> None:
    """The command `intercom-warehouse`."""
    began = time.monotonic()
    os.umask(0o077)  # every file holds contacts' data
    use_project_config()
    try:
        exit_code = ended()
        mode.reporter.conclude(exit_code, time.monotonic() - began)
    except (SystemExit, BrokenPipeError):  # whoever read what is printed has gone, as `head` does; Typer exits then
        exit_code = ExitCode.UNEXPECTED
    leave(exit_code)


def ended() -> ExitCode:
    """Does what the command line says; how that ended."""
    try:
        return ExitCode(app(standalone_mode=False) or 0)
    except (WarehouseError, IntercomError) as error:
        return failed(error, str(error))
    except UsageError as error:
        mode.reporter.show_usage(error)
        return ExitCode.USAGE
    except typer.Abort as error:
        return failed(error, "Not confirmed, so nothing was done.")
    except Exception as error:  # noqa: BLE001  # the last resort: its words may hold personal data, so only its kind is told
        words = f"Something unexpected went wrong ({type(error).__name__}). Run it again with --debug for the details."
        return failed(error, words)


def failed(error: Exception, words: str) -> ExitCode:
    """Tells an error; the exit code that it leads to."""
    problem = Problem.of(error, words)
    mode.reporter.show_problem(problem, error if mode.debug else None)
    if mode.as_json:
        with suppress(BrokenPipeError):
            typer.echo(json_of(problem))
    return problem.exit_code


def leave(exit_code: ExitCode) -> NoReturn:
    """Ends the process at once: Python would take 0.4 seconds to take its objects apart, one by one.

    Whatever has to be closed was closed by the block that opened it.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # whoever read it has gone
            stream.flush()
    os._exit(exit_code)
