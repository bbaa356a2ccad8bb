"""Options and arguments of the commands: what they are called, what they mean, and how their text is parsed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from sources.intercom.catalog import choice_problems
from sources.intercom.wire import duration as duration_of

from ..choices import DEFAULT_CHUNK, LATEST_ONLY, FileFormat
from ..errors import Misconfigured
from ..settings import DEMO_WORKSPACE
from .output import session

EARLIEST_YEAR = 1900
"""An earlier year is a typing error. Timezone calculations also need some room before it."""

By = Literal["created_at", "updated_at"]
NO_WAIT: Any = "0s"
CHUNK: Any = f"{DEFAULT_CHUNK.days}d"
"""Texts, since the options' parsers read defaults, too."""


def duration(text: str) -> timedelta:
    """A number and a unit: seconds, minutes, hours, days or weeks. At most a century.

    Raises:
        typer.BadParameter: not a duration.
    """
    if (length := duration_of(text)) is None:
        raise typer.BadParameter(f"{text!r} is not a duration. Use 90s, 10m, 26h, 7d or 2w.")
    return length


def utc_time(text: str) -> datetime:
    """A date, meaning its start, or a date and time, in ISO 8601. Without a timezone it is in UTC.

    Raises:
        typer.BadParameter: not a date, or before 1900.
    """
    try:
        parsed = datetime.fromisoformat(text.strip())
        at = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None or at.year < EARLIEST_YEAR:
        raise typer.BadParameter(f"{text!r} is not a date. Use 2026-01-31, 2026-01-31T15:30 or 2026-01-31T15:30+01:00.")
    return at


def names_of_lists(text: str) -> list[str]:
    """Names of lists, separated by commas.

    Raises:
        Misconfigured: there is no such list.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for problem in choice_problems(names):
        raise Misconfigured(problem)
    return names


def workspace_name(text: str) -> str:
    """The name is also that of a dlt pipeline, and a part of environment variables.

    Raises:
        Misconfigured: not a name, or the demo's.
    """
    if not text.isidentifier() or not text.islower() or text == DEMO_WORKSPACE:
        raise Misconfigured(
            f"{text!r} cannot be the name of a workspace. Use lower-case letters, digits and underscores for "
            f"--workspace, and not {DEMO_WORKSPACE!r}."
        )
    return text


Full = Annotated[
    bool,
    typer.Option(
        "--full", metavar="", help="Read all contacts and sweep all segments, not only what changed or is due."
    ),
]
OnlyPlan = Annotated[
    bool, typer.Option("--plan", metavar="", help="Print what a sync would read, why, and its cost. Then stop.")
]
Only = Annotated[
    Any,
    typer.Option(
        parser=names_of_lists, metavar="LISTS", help="Read only these lists, separated by commas: tags,companies."
    ),
]
AcceptShrink = Annotated[
    bool, typer.Option("--accept-shrink", metavar="", help="Accept at once that a segment lost most of its members.")
]
Select = Annotated[
    list[str] | None, typer.Option(metavar="MODEL", help="Build only this model and those that depend on it.")
]
From = Annotated[
    datetime,
    typer.Option("--from", parser=utc_time, metavar="TIME", help="Start of the window: a date or a time (UTC)."),
]
To = Annotated[datetime, typer.Option("--to", parser=utc_time, metavar="TIME", help="End of the window, not included.")]
WindowOf = Annotated[
    By,
    typer.Option(
        "--by", metavar="|".join(get_args(By)), help=f"Which time of a contact is in the window. {LATEST_ONLY}"
    ),
]
Chunk = Annotated[
    timedelta,
    typer.Option(parser=duration, metavar="DURATION", help="Load this much of the window at a time."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", metavar="", help="Print the chunks and their cost. Then stop.")]
RunId = Annotated[
    str | None, typer.Option("--run", metavar="RUN_ID", help="Remove what this run has loaded. status shows run ids.")
]
After = Annotated[
    datetime | None,
    typer.Option(
        "--after", parser=utc_time, metavar="TIME", help="Remove what all runs have loaded that observed later (UTC)."
    ),
]
OnlyShow = Annotated[bool, typer.Option("--dry-run", metavar="", help="Print what would be removed. Then stop.")]
AcceptLoss = Annotated[
    bool,
    typer.Option("--accept-loss", metavar="", help="Start again if the warehouse was lost. All history starts then."),
]
Sample = Annotated[int, typer.Option(min=1, metavar="N", help="Compare this many random contacts.")]
Seed = Annotated[
    int | None, typer.Option(metavar="SEED", help="Compare the same contacts as an earlier run that printed this seed.")
]
MaxAge = Annotated[
    timedelta | None,
    typer.Option(
        parser=duration, metavar="DURATION", help="Exit with code 6 if the last good sync is older, for example 26h."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", metavar="", help="Drop without asking for confirmation.")]
Out = Annotated[Path, typer.Option(metavar="FILE", help="Write the page to this file. Its folder must exist.")]
People = Annotated[bool, typer.Option("--people", metavar="", help="Add the names of who joined and left last.")]
Focus = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Begin with this segment. May be given several times.")
]
Since = Annotated[datetime | None, typer.Option(parser=utc_time, metavar="DAY", help="Show nothing before this day.")]
Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The folder for the files. It is made if missing.")]
Format = Annotated[
    FileFormat,
    typer.Option("--format", metavar="|".join(FileFormat), help="The kind of files. CSV is for spreadsheets."),
]
Marts = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="MART", help="Export only this table. May be given several times."),
]
Contact = Annotated[
    str, typer.Argument(metavar="CONTACT", help="The contact's id in Intercom, external id or e-mail address.")
]
OneSegment = Annotated[
    str | None, typer.Option("--segment", metavar="NAME", help="Explain only this segment: its name or id.")
]
Ask = Annotated[bool, typer.Option("--ask", metavar="", help="Ask Intercom, too: three calls, which need the token.")]
Raw = Annotated[
    bool,
    typer.Option(
        "--raw", metavar="", help="Write the loaded tables instead, as Parquet, for models --engine: in a folder a run."
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Build on Spark instead of in the warehouse: spark://HOST:PORT, or local[*] here."
    ),
]
RawFolder = Annotated[
    Path | None, typer.Option("--raw", metavar="DIR", help="With --engine: the folder that export --raw wrote.")
]
MartsFolder = Annotated[
    Path | None, typer.Option("--marts", metavar="DIR", help="With --engine: the folder for the tables, as Parquet.")
]
ContactId = Annotated[str, typer.Argument(metavar="CONTACT_ID", help="The contact's id in Intercom.")]
Contacts = Annotated[int, typer.Option(min=50, metavar="N", help="Contacts in the simulated workspace.")]
Days = Annotated[int, typer.Option(min=2, max=90, metavar="N", help="Days to simulate. Each ends with a sync.")]
Wait = Annotated[
    timedelta,
    typer.Option(parser=duration, metavar="DURATION", help="Wait this long for another run to end, for example 10m."),
]
Within = Annotated[
    timedelta | None,
    typer.Option(
        parser=duration, metavar="DURATION", help="Make no call to Intercom after this time, and exit with code 4."
    ),
]
WorkspaceName = Annotated[
    str,
    typer.Option(
        "--workspace",
        metavar="NAME",
        callback=workspace_name,
        help="Use another workspace. It has its own pipeline, and its own token: in the section NAME.sources.intercom "
        "of .dlt/, or in NAME__SOURCES__INTERCOM__ACCESS_TOKEN.",
    ),
]
OneWorkspace = Annotated[str | None, typer.Option("--workspace", metavar="NAME", help="Show only this workspace.")]
AsMetrics = Annotated[
    bool,
    typer.Option("--openmetrics", metavar="", help="Print metrics for Prometheus, in the OpenMetrics format."),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        metavar="",
        is_eager=True,
        callback=session.choose_json,
        help="Print the result or error as one JSON object.",
    ),
]
"""The callback keeps the choice, so that an error is printed as JSON, too."""
