"""The command line. Results go to standard output, progress and errors to standard error."""

import json
import logging
import os
import sys
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from stamina.instrumentation import set_on_retry_hooks

from sources.intercom.client import IntercomError
from sources.intercom.preview import Preview

from . import check as checks
from . import display
from .errors import Misconfigured, WarehouseError, exit_code_of, plain_errors
from .forget import Forget
from .postgres import PostgresWarehouse
from .settings import (
    DEFAULT_WORKSPACE,
    DEMO_WORKSPACE,
    intercom_settings,
    postgres_credentials,
    use_project_config,
    warehouse_settings,
)
from .sync import Sync, build_models, silently
from .verify import DEFAULT_SAMPLE, Verify, a_seed
from .warehouse import Warehouse

EXIT_CODES = (
    "Exit codes: 0 done · 1 unexpected · 2 usage or configuration · 3 refused by Intercom · 4 Intercom or the network "
    "unavailable, retry later · 5 warehouse busy · 6 done, but worth a look: segments could not be read completely, or "
    "verify found a difference that nothing explains · 7 loaded, "
    "but a model or a check failed and the marts stayed as they were."
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
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@dataclass
class Mode:
    """What holds for every command."""

    debug: bool = False
    quiet: bool = False
    as_json: bool = False


mode = Mode()


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    quiet: Annotated[bool, typer.Option(help="No progress, only results and errors.")] = False,
) -> None:
    """What holds for every command."""
    mode.debug, mode.quiet = debug, quiet
    set_on_retry_hooks([] if quiet else [display.Retrying()])
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
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Bring the warehouse up to date: read, load, build, check, publish."""
    mode.as_json = as_json
    job = Sync(a_warehouse(), intercom_settings(a_name(workspace)), workspace, full=full, accept_shrink=accept_shrink)
    if not mode.quiet:
        job.say, job.watch = display.say, display.watch
    if plan:
        show_plan(job.preview(), as_json=as_json)
        return
    outcome = job.run()
    if as_json:
        typer.echo(json.dumps(asdict(outcome)))
    else:
        display.show(outcome, job.warehouse)
    raise typer.Exit(outcome.exit_code)


@app.command()
def models(
    select: Annotated[list[str] | None, typer.Option(help="Only this model and what follows from it.")] = None,
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Rebuild the tables analysts query from what was loaded, run the checks, publish. Asks Intercom nothing."""
    mode.as_json = as_json
    warehouse = a_warehouse()
    if not warehouse.exists:
        raise Misconfigured(f"There is no warehouse in {warehouse.place} yet. Run intercom-warehouse sync first.")
    with warehouse.held(), plain_errors(warehouse.explain):
        built = build_models(warehouse.pipeline(a_name(workspace)), select)
        warehouse.publish(silently if mode.quiet else display.say)
    if as_json:
        typer.echo(json.dumps({"models": built.models, "warnings": [str(fault) for fault in built.faults]}))
    else:
        display.show_build(built)


@app.command()
def check(workspace: WorkspaceName = DEFAULT_WORKSPACE) -> None:
    """Tell whether a sync would work: token, scopes, quota, lock, warehouse, region, a line each."""
    warehouse = a_warehouse()
    with plain_errors(warehouse.explain):
        for name, found in checks.check(warehouse, intercom_settings(a_name(workspace)), workspace):
            display.show_check(name, found)


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
    job = Verify(a_warehouse(), settings, workspace, sample=sample, seed=a_seed() if seed is None else seed)
    if not mode.quiet:
        job.track = display.track
    found = job.run()
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        display.show_verification(found)
    raise typer.Exit(found.exit_code)


@app.command()
def forget(
    contact_id: Annotated[str, typer.Argument(metavar="CONTACT_ID", help="The contact's id in Intercom.")],
    workspace: WorkspaceName = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Remove a person from everything below the data folder; counts stay as they were. Asks Intercom nothing.

    Delete the contact in Intercom first: from there the next sync would bring it back.
    """
    mode.as_json = as_json
    job = Forget(a_warehouse(), contact_id, a_name(workspace), say=silently if mode.quiet else display.say)
    found = job.run()
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        display.show_forgotten(found)


@app.command()
def demo(
    contacts: Annotated[int, typer.Option(min=50, help="People in the made-up workspace.")] = 2000,
    days: Annotated[int, typer.Option(min=2, max=90, help="Days it lives; each ends with a sync.")] = 21,
) -> None:
    """Three weeks of a made-up workspace, synced day by day, then a query. Needs no token and no network."""
    from . import demo as demonstration  # the sandbox is for this command only

    warehouse = Warehouse(warehouse_settings().folder)  # always a file: a demo leaves no trace in a database
    with plain_errors(warehouse.explain):
        demonstration.demo(warehouse, contacts=contacts, days=days)


def show_plan(preview: Preview, *, as_json: bool) -> None:
    """Prints the plan of a sync."""
    if as_json:
        typer.echo(json.dumps(display.preview_rows(preview)))
    else:
        display.show_preview(preview)


def a_warehouse() -> Warehouse:
    """The configured warehouse."""
    settings = warehouse_settings()
    if settings.destination == "postgres":
        return PostgresWarehouse(settings.folder, postgres_credentials())
    return Warehouse(settings.folder, publish_raw=settings.publish_raw)


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
    os.umask(0o077)  # every file holds contacts' data
    use_project_config()
    try:
        app()
    except (WarehouseError, IntercomError) as error:
        fail(error, str(error))
    except Exception as error:  # noqa: BLE001  # the last resort: its words may hold personal data, so only its kind is told
        fail(
            error,
            f"Something unexpected went wrong ({type(error).__name__}). Run it again with --debug for the details.",
        )


def fail(error: Exception, words: str) -> None:
    """Ends the process with the error's exit code."""
    if mode.debug:
        raise error
    code = exit_code_of(error)
    if mode.as_json:
        typer.echo(json.dumps({"exit_code": code, "outcome": code.name.lower(), "problem": words}))
    display.show_problem(words)
    sys.exit(code)
