"""The command line's app: its help text, and the options that come before the command."""

import logging
import platform
from enum import StrEnum
from typing import Annotated

import typer

from ..destinations import LIBRARIES, RELEASE
from ..display import reporting
from ..errors import ExitCode
from ..settings import IS_INSTALLED, ROOT
from .output import session

HELP = """
Keeps a warehouse equal to an Intercom workspace, and remembers which contact was in which segment, and since when.

[bold]First steps[/bold]

1. intercom-warehouse demo     try it without a token
2. intercom-warehouse init     write the files of the settings
3. intercom-warehouse check    check the token and the configuration
4. intercom-warehouse sync     load the workspace, from then on from cron
5. intercom-warehouse status   show how old the data is, and what is missing

Each command has its own help: intercom-warehouse sync --help. The documents are in {docs}: setup.md comes first.
"""
EXIT_CODES = "\n".join(f"{code:>3} {code.description}" for code in ExitCode)

app = typer.Typer(
    name="intercom-warehouse",
    help=HELP.format(docs=f"{ROOT}/docs/" if IS_INSTALLED else "docs/"),
    epilog=f"[bold]Exit codes[/bold]\n{EXIT_CODES}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


class LogFormat(StrEnum):
    """The format of progress and errors on standard error."""

    HUMAN = "human"
    JSON = "json"


def choose_log_format(log_format: LogFormat) -> LogFormat:
    """Runs before the rest of the command line is parsed, so that errors in it have the chosen format, too."""
    if log_format == LogFormat.JSON:
        reporting.report_as_json_lines()
    return log_format


def print_version(is_wanted: bool) -> None:
    """The release, and what an error may depend on."""
    if is_wanted:
        parts = {**LIBRARIES, "Python": platform.python_version()}
        typer.echo(f"intercom-warehouse {RELEASE} ({', '.join(f'{name} {number}' for name, number in parts.items())})")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(metavar="", help="Print the traceback of an error.")] = False,
    quiet: Annotated[bool, typer.Option(metavar="", help="Print no progress, only results and errors.")] = False,
    log_format: Annotated[
        LogFormat,
        typer.Option(
            metavar="|".join(LogFormat),
            envvar="INTERCOM_WAREHOUSE_LOG_FORMAT",
            is_eager=True,
            callback=choose_log_format,
            help="Print progress and errors for people, or as one JSON object a line.",
        ),
    ] = LogFormat.HUMAN,
    version: Annotated[
        bool, typer.Option("--version", metavar="", is_eager=True, callback=print_version, help="Print the release.")
    ] = False,
) -> None:
    session.debug = debug
    if quiet:
        reporting.report_only_problems()
    if not debug:  # after an early end, asyncio would log a traceback for each generator that is still open
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
