"""The generated documents: commands, tables and settings. `python -m pipelines.cli.reference` writes them to docs/."""

from collections import ChainMap
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import typer
import yaml

from sources.intercom.catalog import ELSEWHERE, NOT_LISTED, RESOURCES, TABLES, Resource, grain
from sources.intercom.tables import (
    COMPANY_MEMBERSHIP_CHANGES_KEY,
    COMPANY_SEGMENT_SCANS_KEY,
    CONTACT_ACTIVITIES_KEY,
    CONTACT_ATTRIBUTE_CHANGES_KEY,
    CONTACT_REMOVALS_KEY,
    CONTACT_TAG_CHANGES_KEY,
    CONTACT_TAG_SCANS_KEY,
    CONTACTS_KEY,
    DATA_ATTRIBUTES_KEY,
    LIST_KEYS,
    LIST_READS_KEY,
    MEMBERSHIP_CHANGES_KEY,
    RUNS_KEY,
    SEGMENT_SCANS_KEY,
    SEGMENTS_KEY,
    WORKSPACES_KEY,
    key_of,
)

from ..destinations import DESTINATIONS, destination_named
from ..errors import ExitCode
from ..models import Model, load_marts
from ..settings import ROOT
from . import commands  # noqa: F401  # registers the commands
from .app import app

DOCS = ROOT / "docs"
CONFIG = ROOT / ".dlt" / "config.toml"
SUBJECTS = ("segments", "memberships", "contacts", "companies", "analysis", "workspaces", "support", "lists")
"""The folders of sql/marts, sql/support, and the catalogue's lists, in the order of docs/tables.md."""
WIDTH = 120
DBT_DESCRIPTION = "Intercom's segments, contacts and memberships, as intercom-warehouse publishes them."

ASKED = {"all": "one", "changed": "one, if it changed,", "swept": "one, once in `sweep_every` or if it changed,"}
RAW_TABLES = {
    "workspaces": (WORKSPACES_KEY, "The workspaces' names, regions and timezones."),
    "data_attributes": (DATA_ATTRIBUTES_KEY, "Intercom's list of the attributes that contacts have."),
    "contacts": (CONTACTS_KEY, "Contacts, as Intercom last sent them."),
    "segments": (SEGMENTS_KEY, "Versions of the segments' definitions."),
    "membership_changes": (MEMBERSHIP_CHANGES_KEY, "The log of all observed joins and leaves. History comes from it."),
    "segment_scans": (SEGMENT_SCANS_KEY, "All scans of all segments, with what each of them proves."),
    "company_membership_changes": (
        COMPANY_MEMBERSHIP_CHANGES_KEY,
        "The log of all observed joins and leaves of companies.",
    ),
    "company_segment_scans": (COMPANY_SEGMENT_SCANS_KEY, "All scans of the segments of companies."),
    "contact_tag_changes": (CONTACT_TAG_CHANGES_KEY, "The log of all observed changes of contacts' tags."),
    "contact_tag_scans": (CONTACT_TAG_SCANS_KEY, "All sweeps of tags."),
    "contact_removals": (CONTACT_REMOVALS_KEY, "Contacts that were found deleted, merged, archived or blocked."),
    "contact_activities": (CONTACT_ACTIVITIES_KEY, "Intercom's feed of created, merged and deleted contacts."),
    "contact_attribute_changes": (
        CONTACT_ATTRIBUTE_CHANGES_KEY,
        "The log of all observed values of tracked attributes. Empty without `track_attributes`.",
    ),
    "contact_companies": (LIST_KEYS["contact_companies"], "Companies of contacts that have more than ten."),
    "contact_tags": (LIST_KEYS["contact_tags"], "Tags of contacts that have more than ten."),
    "list_reads": (LIST_READS_KEY, "How each list of the catalogue was read in each run, and what that proves."),
    "runs": (RUNS_KEY, "The run journal."),
}
RESOURCES_INTRODUCTION = (
    "What is loaded beside segments, contacts and memberships, by the groups of Intercom's API reference. The setting "
    "`resources` chooses: `default`, `all`, or names. Each list that was read is a table in `intercom_raw`, and a view "
    "in `intercom` ([tables](tables.md)). `intercom-warehouse resources` shows how each was last read."
)
COMPLETE = (
    "Calls are those of a run. A list is complete if all its pages came, and as many records as Intercom counts. A "
    "record that a complete list no longer has is looked up, or the list is read once more, before it is marked as "
    "deleted. A list that Intercom refuses is a note, and its table stays as it was."
)
SEARCHED = (
    "Conversations and tickets are large, so they are read only if `resources` names them: `conversations`, "
    "`conversation_parts` (which reads the conversations too), `tickets`. `sync --plan` prints their calls, "
    "megabytes and minutes. Each run asks whether search compares seconds or days. It reads what changed since the "
    "run before, once in `sweep_every` also what was created in the last 30 days, and all of them once a week: "
    "ratings, tags, service levels and attributes may change without an update. The parts of a conversation take a "
    "call of their own, each time that it changed, at most `parts_budget` in a run. `status` shows how many "
    "conversations wait. From version 2.16 on Intercom lists the conversations that were deleted. Before that, and "
    "for tickets, a lookup by id checks each record that search no longer finds, if Intercom counts fewer than are "
    "loaded. Parts beyond the 500 newest cannot be read: `has_all_parts` in `conversation_metrics` shows where some"
    " are missing."
)
HISTORIES = (
    "What happened is read only if `resources` names it, since it is personal or takes many calls. Its rows are only "
    "added: one that Intercom lists no more stays. Activities of teammates (`admin_activity_logs`) are asked for by "
    "periods of five days, first from the workspace's creation on, then since the run before. Transcripts of phone "
    "calls (`call_transcripts`, which reads `calls` too) are asked for 20 conversations at a time, if a call is new "
    "or has changed, and for a week if a transcript is not complete. Events of contacts (`data_events`) and their "
    "summaries (`data_event_summaries`) take a call each for every contact that was updated or seen since its last "
    "lookup, at most `events_budget` in a run. Intercom lists the events of 90 days: what is loaded stays. A contact "
    "whose `last_seen_at` alone has moved is found when all contacts are read: `sync --full`."
)
EXPORTED = (
    "Which contact got which message (`message_receipts`) comes from exports alone: jobs, one at a time for a "
    "workspace. A run makes a job once in `sweep_every`, for the time from 30 days before the end of the last one, "
    "since messages are opened and answered later. The first job is for all time. A run waits up to `export_wait` "
    "minutes for its job. If that is not ready then, a later run loads it. A run that is killed leaves its job "
    "to the next one: no period is asked for twice. If a job fails, the next one asks for half "
    "of its time. Intercom keeps the file of a job for two days. Another tool's export that is under way is waited "
    "for."
)
REPORTING = (
    "The rows of Intercom's reports (`reporting_rows`, which reads `reporting_datasets` too) are exported likewise: a "
    "job for each dataset, at most five at a time, for all its attributes. They need the setting `client_id`. Without "
    "it they are left out, and a note says so. Intercom does not say what distinguishes the rows of a dataset, so an "
    "export replaces the rows of its period: a row that has changed is a new one, and the former one is marked as "
    "deleted. A row without a time that can be read stays. If an export lacks more than half of the loaded rows, they "
    "count as deleted only if the next one lacks them too. Up to version 2.15 Intercom leaves out conversations to "
    "which no user replied.",
    "All datasets are in one table, with their values as JSON: datasets differ by workspace, and their attributes come "
    "and go, so columns of their own would change under queries. Select a dataset, and its values by `attribute_id`. "
    "Values are text, so cast them.",
    "Single attributes are left out or hashed by their id: "
    '`exclude_columns = ["reporting_rows.attribute_values.people.email"]`. Intercom is not asked for excluded ones.',
)
REPORTING_QUERIES = {
    "Which attributes does a dataset have?": """
select attribute_id, name
from intercom.reporting_attributes
where dataset_id = 'conversation' and not is_deleted
order by attribute_id
""",
    "How many conversations began on each day, by their state?": """
select
    cast(occurred_at as date) as occurred_on,
    attribute_values ->> '$."conversation.state"' as state,
    count(*) as conversations,
    sum(cast(attribute_values ->> '$."conversation.reply_count"' as bigint)) as replies
from intercom.reporting_rows
where dataset_id = 'conversation' and not is_deleted
group by all
order by occurred_on, state
""",
}
"""Examples, in DuckDB's SQL."""
OTHER_SETTINGS = {
    "SOURCES__INTERCOM__ACCESS_TOKEN": "The access token. Required. In `.dlt/secrets.toml`: `access_token` in "
    "`[sources.intercom]`.",
    "SOURCES__INTERCOM__HASH_KEY": "The key of the hashes that `hash_columns` asks for, at least 32 random "
    "characters. In "
    "`.dlt/secrets.toml`: `hash_key` in `[sources.intercom]`.",
    "SOURCES__INTERCOM__BASE_URL": "An address to use instead of the region's, for example that of the sandbox.",
    "INTERCOM_WAREHOUSE_HOME": "The folder with `.dlt/` and `data/`. Without it the clone, or, where the project is "
    "installed without a clone, the current folder.",
    "INTERCOM_WAREHOUSE_LOG_FORMAT": "`json` for [JSON lines](monitoring.md#logs) on standard error.",
}
"""Settings that have no default in `.dlt/config.toml`, and how to set them."""


def commands_document() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    yield from _title("Commands", "pipelines/cli/")
    yield "The program is `intercom-warehouse`, in `.venv/bin`. `--help` explains it, and each of its commands.\n"
    yield from (f"- [{name}](#{name}): {_first_sentence(command.help)}" for name, command in group.commands.items())
    yield "- [Options of all commands](#options-of-all-commands)\n- [Exit codes](#exit-codes)"
    for name, command in group.commands.items():
        yield f"\n## {name}\n"
        yield from (f"{_wrapped(paragraph)}\n" for paragraph in command.help.split("\n\n"))
        yield f"```console\n$ {command.epilog.removeprefix('Example: ')}\n```"
        yield from _parameters(command)
    yield "\n## Options of all commands\n\nThey may come before or after the command."
    yield from _parameters(group)
    yield "\n## Exit codes\n\n| code | outcome | meaning |\n|---|---|---|"
    yield from (f"| {code} | `{code.name.lower()}` | {code.description} |" for code in ExitCode)


def _parameters(command: Any) -> Iterator[str]:
    """A table of a command's options and arguments."""
    yield "\n| option | default | meaning |\n|---|---|---|"
    for parameter in command.params:
        if parameter.name != "help":
            default = "required" if parameter.required else f"`{parameter.default}`" if parameter.default else ""
            yield f"| `{_usage(parameter)}` | {default} | {_cell(parameter.help)} |"


def _usage(parameter: Any) -> str:
    value = _cell(parameter.metavar or "")
    return value if parameter.param_type_name == "argument" else f"{parameter.opts[0]} {value}".strip()


def tables_document() -> Iterator[str]:
    marts = sorted(load_marts(), key=_place)
    yield from _title("Tables", "sql/marts/")
    yield "The marts are in the schema `intercom`. They are built from the tables and views in `intercom_build`, whose"
    yield "names may change. Each description is also a comment in the warehouse.\n"
    for subject, models in groupby(marts, key=_subject):
        yield f"- {subject.capitalize()}"
        yield from (f"  - [{model.name}](#{model.name}): {_grain(model)}" for model in models)
    yield "- [Raw tables](#raw-tables)"
    for model in marts:
        yield from _mart(model)
    yield "\n## Raw tables\n\nThe schema `intercom_raw` holds what was loaded. Prefer the marts for queries.\n"
    yield "| table | one row per | holds |\n|---|---|---|"
    for name, (key, description) in RAW_TABLES.items():
        yield f"| `{name}` | {', '.join(f'`{column}`' for column in key)} | {description} |"


def resources_document() -> Iterator[str]:
    yield from _title("Resources", "sources/intercom/catalog/")
    yield f"{_wrapped(RESOURCES_INTRODUCTION)}\n"
    yield f"{_wrapped(COMPLETE)}\n"
    by_group = sorted(RESOURCES, key=lambda one: one.group)
    yield "| group | list | tables | key | default | calls | needs | since |\n|---|---|---|---|---|---|---|---|"
    yield from (_resource_row(one) for one in by_group)
    yield f"\n## Conversations and tickets\n\n{_wrapped(SEARCHED)}"
    yield f"\n## What happened\n\n{_wrapped(HISTORIES)}"
    yield f"\n## Exports\n\n{_wrapped(EXPORTED)}"
    yield "\n## Reports"
    yield from (f"\n{_wrapped(paragraph)}" for paragraph in REPORTING)
    yield from (f"\n{question}\n\n```sql\n{query.strip()}\n```" for question, query in REPORTING_QUERIES.items())
    yield "\nThis is for DuckDB. PostgreSQL takes an id as it is: `attribute_values ->> 'conversation.state'`."
    yield "\n## Personal data\n\nColumns that may contain personal data, for `exclude_columns` and `hash_columns`.\n"
    yield from (f"- `{table.table}.{name}`" for one in RESOURCES for table in one.tables for name in table.personal)
    yield "\n## Bodies\n\nColumns that `keep_bodies_for` clears. After a second dot: a field of JSON.\n"
    yield from (f"- `{table.table}.{name}`" for one in RESOURCES for table in one.tables for name in table.bodies)
    yield "\n## Read by other means\n\n| group | tables |\n|---|---|"
    yield from (f"| {group} | {text} |" for group, text in ELSEWHERE.items())
    yield "\n## Not loaded\n\n| group | why |\n|---|---|"
    yield from (f"| {group} | {text} |" for group, text in NOT_LISTED.items())


def _resource_row(one: Resource) -> str:
    tables = ", ".join(f"`{table.table}`" for table in one.tables)
    key = ", ".join(f"`{name}`" for name in key_of(one, one))
    return (
        f"| {one.group} | `{one.path}` | {tables} | {key} | {'yes' if one.is_default else 'no'} | {_calls(one)} | "
        f"{one.scope} | {one.since} |"
    )


def _calls(one: Resource) -> str:
    """How many calls a reading takes."""
    if one.scrolls and one.search:
        return (
            f"one for 100 records, one after another; from {one.search.since} on once a day, else one for 150 changed"
        )
    if one.searched:
        return f"one for {one.per_page} that changed, and three; all of them once a week"
    if one.exported and one.exported.by_dataset:
        return "one, and for each of `reporting_datasets` one for a job, some for its state, and one for its file"
    if one.exported:
        return "one for a job, some for its state, and one for its file"
    if one.periods:
        return f"one for {one.periods.days} days, and one for each further page; only of the time since the run before"
    if one.grouped:
        return f"one for {one.grouped.most} conversations of `{one.follows}` that changed"
    if one.follows:
        budget = "events_budget" if one.is_history else "parts_budget"
        return f"one, if it changed, for each of `{one.follows}`, at most `{budget}`"
    if one.parent:
        asked = {
            "all": "one",
            "changed": "one, if it changed,",
            "swept": "one, once in `sweep_every` or if it changed,",
        }[one.parent.asks]
        return f"{asked} for each of `{one.parent.table}`"
    calls = f"one for {one.per_page} records" if one.per_page else "one, and one for each further page"
    return f"{calls}; more often than once a day, only the pages with changes" if one.is_newest_first else calls


def _mart(model: Model) -> Iterator[str]:
    yield f"\n## {model.name}\n\nGrain: {_grain(model)} It is a {model.materialized}.\n\n{_wrapped(model.description)}"
    yield "\n| column | description |\n|---|---|"
    yield from (f"| `{column}` | {_cell(description)} |" for column, description in model.columns.items())


def _subject(model: Model) -> str:
    """The folder that it is in."""
    return model.path.parent.name


def _place(model: Model) -> tuple[int, str]:
    return SUBJECTS.index(_subject(model)), model.name


def settings_document() -> Iterator[str]:
    settings = list(read_settings(CONFIG.read_text(encoding="utf-8")))
    yield from _title("Settings", ".dlt/config.toml")
    yield "The defaults are in `.dlt/config.toml`. An environment variable overrides the file.\n"
    for section, group in groupby(settings, key=lambda setting: setting.section):
        yield f"## {section}\n"
        for setting in group:
            yield f"### {setting.name}\n\nDefault `{setting.default}`. Variable `{setting.variable}`.\n"
            yield f"{_wrapped(setting.reason)}\n"
    yield "## Without a default\n\n| variable | meaning |\n|---|---|"
    variables = ChainMap(*(dict(destination_named(name).variables) for name in DESTINATIONS), OTHER_SETTINGS)
    yield from (f"| `{variable}` | {_cell(meaning)} |" for variable, meaning in sorted(variables.items()))


def dbt_sources() -> Iterator[str]:
    """The marts as sources of a dbt project."""
    tables = [
        {
            "name": model.name,
            "description": _plain(model.description),
            "columns": [{"name": name, "description": _plain(text)} for name, text in model.columns.items()],
        }
        for model in load_marts()
    ]
    source = {"name": "intercom", "schema": "intercom", "description": DBT_DESCRIPTION, "tables": tables}
    yield "# Generated from sql/marts/ by python -m pipelines.cli.reference. Copy it into the models of a dbt project."
    yield yaml.safe_dump({"version": 2, "sources": [source]}, sort_keys=False, allow_unicode=True, width=WIDTH).rstrip()


def _plain(text: str) -> str:
    """On one line."""
    return " ".join(text.split())


class Setting(NamedTuple):
    """A default in `.dlt/config.toml`, and the comment above it."""

    section: str
    name: str
    default: str
    reason: str

    @property
    def variable(self) -> str:
        return f"{self.section}.{self.name}".replace(".", "__").upper()


def read_settings(text: str) -> Iterator[Setting]:
    section, comments = "", list[str]()
    for line in text.splitlines():
        if line.startswith("#"):
            comments.append(line.removeprefix("#").strip())
        elif line.startswith("["):
            section, comments = line.strip("[]"), []
        elif " = " in line:
            name, _, default = line.partition(" = ")
            yield Setting(section, name, default, " ".join(comments))
            comments = []


def _title(title: str, source: str) -> Iterator[str]:
    yield f"# {title}\n\n<!-- Generated from {source} by python -m pipelines.cli.reference. Do not edit. -->\n"


def _first_sentence(text: str) -> str:
    return _plain(text).partition(". ")[0].rstrip(".") + "."


def _grain(model: Model) -> str:
    """The first line of a model's file, as a sentence."""
    if not model.path.exists():
        return f"One row per {grain(model.name)}." if model.name in TABLES else _first_sentence(model.description)
    line = model.path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("-- ")
    return f"{line[0].upper()}{line[1:].rstrip('.')}."


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _wrapped(text: str) -> str:
    return fill(_plain(text), WIDTH, break_long_words=False, break_on_hyphens=False)


DOCUMENTS: dict[Path, Callable[[], Iterator[str]]] = {
    DOCS / "commands.md": commands_document,
    DOCS / "tables.md": tables_document,
    DOCS / "resources.md": resources_document,
    DOCS / "settings.md": settings_document,
    DOCS / "dbt" / "sources.yml": dbt_sources,
}


def text_of(document: Callable[[], Iterator[str]]) -> str:
    return "\n".join(document()) + "\n"


if __name__ == "__main__":
    for path, document in DOCUMENTS.items():
        path.write_text(text_of(document), encoding="utf-8")
