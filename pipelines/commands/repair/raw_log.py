"""Removes from the raw tables what runs added, rows that are there twice, and changes that repeat the one before.

All of it works in the caller's transaction. What later runs observed stays true: where a complete scan after a removed
run has confirmed a change of it, the change is dated to that scan, and later scans get new member counts.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from sources.intercom.tables import (
    COMPANY_SEGMENT_SCANS_KEY,
    CONTACT_ACTIVITIES_KEY,
    CONTACT_ATTRIBUTE_CHANGES_KEY,
    CONTACT_REMOVALS_KEY,
    CONTACT_TAG_SCANS_KEY,
    CONTACTS_KEY,
    DATA_ATTRIBUTES_KEY,
    LIST_KEYS,
    LIST_READS_KEY,
    RUNS_KEY,
    SEGMENT_SCANS_KEY,
    SEGMENTS_KEY,
    WORKSPACES_KEY,
)

from ...destinations import RAW, Dialect, columns, identifier, parameters, relations, statement
from ...loading import KEPT, delete_rows, loaded_rows

FIRST_OF_KEY: Mapping[str, tuple[Sequence[str], str]] = {
    "workspaces": (WORKSPACES_KEY, "name, timezone, region"),
    "data_attributes": (DATA_ATTRIBUTES_KEY, "updated_at desc"),
    "contacts": (CONTACTS_KEY, "updated_at desc"),
    "contact_attribute_changes": (CONTACT_ATTRIBUTE_CHANGES_KEY, "run_id"),
    "contact_activities": (CONTACT_ACTIVITIES_KEY, "run_id"),
    "contact_removals": (CONTACT_REMOVALS_KEY, "run_id"),
    "list_reads": (LIST_READS_KEY, "observed_at"),
    **{name: (key, "observed_at desc") for name, key in LIST_KEYS.items()},
    "runs": (RUNS_KEY, "ended_at"),
    "segment_scans": (SEGMENT_SCANS_KEY, "observed_at"),
    "segments": (SEGMENTS_KEY, "observed_at"),
    "company_segment_scans": (COMPANY_SEGMENT_SCANS_KEY, "observed_at"),
    "contact_tag_scans": (CONTACT_TAG_SCANS_KEY, "observed_at"),
}
"""Of each raw table the key, and the order in which the first row of a key is the one that the models use."""
DEVELOPMENT = re.compile(rf"{RAW}_\d{{14}}(_staging)?")
"""The schemas of dlt's development mode: a time, in place of the tables that every run shares."""
TIMED = (
    "membership_changes",
    "segment_scans",
    "segments",
    "contact_attribute_changes",
    "contact_removals",
    "list_reads",
    "company_membership_changes",
    "company_segment_scans",
    "contact_tag_changes",
    "contact_tag_scans",
)
"""The tables whose rows say in which run, and when, they were observed."""

FOLLOWED = """
select
    changes.*,
    coalesce(scans.observed_at, changes.observed_at) as scanned_at,
    coalesce(lag(changes.is_member) over (
        partition by changes.workspace_id, changes.{group}, changes.{member}
        order by coalesce(scans.observed_at, changes.observed_at), changes.is_member desc
    ), false) as was_member
from {raw}.{changes} as changes
left join {raw}.{scans} as scans
    on changes.workspace_id = scans.workspace_id
    and changes.{group} = scans.{group}
    and changes.run_id = scans.run_id
"""
"""Each change with the one before it, as `sql/intermediate/int_membership_changes.sql` follows them."""
CONFIRMED = """
with touched as (
    select distinct {{group}}, {{member}} from {{raw}}.{{changes}} where workspace_id = ? and run_id in ({runs})
), removed as (
    select {{group}}, max(observed_at) as observed_at
    from {{raw}}.{{scans}}
    where workspace_id = ? and run_id in ({runs})
    group by {{group}}
), confirming as (
    select scans.{{group}}, min(scans.observed_at) as observed_at
    from {{raw}}.{{scans}} as scans
    join removed on scans.{{group}} = removed.{{group}} and scans.observed_at > removed.observed_at
    where scans.workspace_id = ? and scans.status = 'complete' and scans.run_id not in ({runs})
    group by scans.{{group}}
), ranked as (
    select
        changes.{{group}}, changes.{{member}}, changes.is_member, confirming.observed_at,
        row_number() over (
            partition by changes.{{group}}, changes.{{member}} order by changes.observed_at desc, changes.is_member
        ) as recency
    from {{raw}}.{{changes}} as changes
    join touched on changes.{{group}} = touched.{{group}} and changes.{{member}} = touched.{{member}}
    join confirming on changes.{{group}} = confirming.{{group}} and changes.observed_at <= confirming.observed_at
    where changes.workspace_id = ?
)
select
    scans.workspace_id, scans.{{group}}, ranked.{{member}}, ranked.is_member, scans.observed_at,
    scans.how as seen_by, scans.run_id, scans._dlt_load_id
from ranked
join {{raw}}.{{scans}} as scans
    on ranked.{{group}} = scans.{{group}} and ranked.observed_at = scans.observed_at
where ranked.recency = 1 and scans.workspace_id = ?
"""
"""Whether each touched contact was a member after the first complete scan behind the removed runs, as new changes."""
RELISTED = """
with later as (
    select
        scans.segment_id, scans.observed_at, scans.run_id, scans._dlt_load_id,
        row_number() over (partition by scans.segment_id order by scans.observed_at) as position
    from {{raw}}.{{scans}} as scans
    join {{raw}}.segments as versions
        on scans.workspace_id = versions.workspace_id and scans.segment_id = versions.segment_id
    where
        scans.workspace_id = ? and versions.run_id in ({runs}) and scans.run_id not in ({runs})
        and scans.observed_at > versions.observed_at
)
select
    versions.workspace_id, versions.segment_id, versions.name, versions.person_type, versions.created_at,
    versions.updated_at, later.observed_at, later.run_id, later._dlt_load_id
from {{raw}}.segments as versions
join later on versions.segment_id = later.segment_id and later.position = 1
where versions.workspace_id = ? and versions.run_id in ({runs})
"""
"""Definitions that the removed runs were the first to load, and that later runs have found unchanged."""
RECOUNTED = """
select scans.workspace_id, scans.{group}, scans.run_id, cast(sum(coalesce(steps.step, 0)) over (
    partition by scans.workspace_id, scans.{group} order by scans.observed_at
) as bigint) as members
from {raw}.{scans} as scans
left join (
    select workspace_id, {group}, run_id, sum(case when is_member then 1 else -1 end) as step
    from {raw}.{changes}
    group by workspace_id, {group}, run_id
) as steps
    on scans.workspace_id = steps.workspace_id and scans.{group} = steps.{group} and scans.run_id = steps.run_id
"""
RECOUNT = """
update {raw}.{scans}
set members = (
    select recounted.members
    from recounted
    where
        recounted.workspace_id = {scans}.workspace_id
        and recounted.{group} = {scans}.{group}
        and recounted.run_id = {scans}.run_id
)
where exists (
    select 1
    from recounted
    where
        recounted.workspace_id = {scans}.workspace_id
        and recounted.{group} = {scans}.{group}
        and recounted.run_id = {scans}.run_id
        and recounted.members <> {scans}.members
)
"""
LATER_STATES = """
delete from {{raw}}._dlt_pipeline_state
where pipeline_name = ? and version >= (
    select min(version) from {{raw}}._dlt_pipeline_state where pipeline_name = ? and _dlt_load_id in ({loads})
)
"""


VERSION = "workspace_id, segment_id, name, person_type, created_at, updated_at, observed_at, run_id, _dlt_load_id"
CHANGE = "workspace_id, {group}, {member}, is_member, observed_at, seen_by, run_id, _dlt_load_id"


@dataclass(frozen=True)
class ChangeLog:
    """A log of changes, the scans that found them, and the columns of who joined or left what."""

    changes: str
    scans: str
    member: str
    group: str = "segment_id"

    @property
    def names(self) -> dict[str, str]:
        """For templates."""
        return vars(self)

    @property
    def has_versions(self) -> bool:
        """Whether the definitions of its groups are loaded, too: in `segments`."""
        return self.group == "segment_id"

    @property
    def membership(self) -> tuple[str, ...]:
        """The columns that changes of one membership share."""
        return ("workspace_id", self.group, self.member)


CHANGE_LOGS = (
    ChangeLog("membership_changes", "segment_scans", "contact_id"),
    ChangeLog("company_membership_changes", "company_segment_scans", "company_id"),
    ChangeLog("contact_tag_changes", "contact_tag_scans", "contact_id", "tag_id"),
)


@dataclass(frozen=True)
class LoadedRun:
    """What one run has loaded: its loads, and when it observed its last row."""

    run_id: str
    observed_until: datetime
    load_ids: tuple[str, ...]


class RawLog:
    """The raw tables, on an open client."""

    def __init__(self, client: SqlClientBase[Any], dialect: Dialect) -> None:
        self._client = client
        self._dialect = dialect
        self._tables = frozenset(relations(client.execute_sql, dialect, RAW))
        self._logs = {one.changes: one for one in CHANGE_LOGS if {one.changes, one.scans} <= self._tables}

    def runs(self, workspace_id: str) -> list[LoadedRun]:
        """All runs of a workspace that have loaded something, the oldest first."""
        until, loads = dict[str, datetime](), dict[str, set[str]]()
        for table in self._tables.intersection(TIMED):
            rows = self._rows(
                "select run_id, _dlt_load_id, max(observed_at) from {raw}.{table} where workspace_id = ? "
                "group by run_id, _dlt_load_id",
                workspace_id,
                table=table,
            )
            for run_id, load_id, observed_at in rows:
                until[run_id] = max(observed_at, until.get(run_id, observed_at))
                loads.setdefault(run_id, set()).add(load_id)
        ordered = sorted(until.items(), key=lambda item: item[1])
        return [LoadedRun(run_id, at, tuple(sorted(loads[run_id]))) for run_id, at in ordered]

    def rows_of(self, run: LoadedRun) -> dict[str, int]:
        """How many rows a run has loaded, by table."""
        return loaded_rows(self._client, self._dialect, run.load_ids)

    def remove(self, runs: Collection[LoadedRun], *, workspace_id: str, pipeline_name: str) -> None:
        """Removes what runs have loaded, except contacts, and dlt's states since the first of them.

        What later runs have confirmed is kept, as theirs.
        """
        run_ids, load_ids = [run.run_id for run in runs], sorted({load for run in runs for load in run.load_ids})
        ids, marks = (workspace_id, *run_ids), parameters(len(run_ids))
        for log in self._logs.values():
            confirmed, relisted = CONFIRMED.format(runs=marks), RELISTED.format(runs=marks)
            self._note(f"confirmed_{log.changes}", confirmed, *ids, *ids, *ids, workspace_id, workspace_id, **log.names)
            if log.has_versions:
                self._note(f"relisted_{log.scans}", relisted, *ids, *run_ids, *ids, **log.names)
        later_states = LATER_STATES.format(loads=parameters(len(load_ids)))
        self._execute(later_states, pipeline_name, pipeline_name, *load_ids)
        delete_rows(self._client, self._dialect, load_ids, kept=KEPT | {"runs"})
        for log in self._logs.values():
            self._restore(log.changes, CHANGE.format(**log.names), f"confirmed_{log.changes}")
            if log.has_versions:
                self._restore("segments", VERSION, f"relisted_{log.scans}")

    def _note(self, name: str, query: str, *values: str, **names: str) -> None:
        self._execute(f"create temporary table {name} as {query}", *values, **names)

    def _restore(self, table: str, names: str, noted: str) -> None:
        self._execute(f"insert into {{raw}}.{{table}} ({names}) select {names} from {noted}", table=table)  # noqa: S608
        self._execute(f"drop table {noted}")

    def remove_journal_lines(self, run_ids: Collection[str], workspace_id: str) -> None:
        """Removes the rows of `runs` about these runs, which later runs have loaded."""
        if run_ids and "runs" in self._tables:
            condition = f"workspace_id = ? and run_id in ({parameters(len(run_ids))})"
            self._execute(f"delete from {{raw}}.runs where {condition}", workspace_id, *run_ids)  # noqa: S608

    def doubled(self) -> dict[str, int]:
        """How many rows of each raw table repeat a key, or a change."""
        counts = {}
        for table, (key, _) in FIRST_OF_KEY.items():
            if table in self._tables:
                copies = f"select count(*) - 1 as copies from {{raw}}.{{table}} group by {', '.join(key)}"  # noqa: S608
                counts[table] = self._count(f"select coalesce(sum(copies), 0) from ({copies}) as keys", table=table)  # noqa: S608
        for log in self._logs.values():
            repeated = f"select count(*) from ({FOLLOWED}) as followed where is_member = was_member"  # noqa: S608
            counts[log.changes] = self._count(repeated, **log.names)
        return {table: count for table, count in sorted(counts.items()) if count}

    def remove_doubled(self, tables: Collection[str]) -> None:
        """Keeps of each doubled key, and of changes that repeat each other, the row that the models use."""
        for table in tables:
            log = self._logs.get(table)
            if log:
                followed = FOLLOWED
                for name, value in log.names.items():
                    followed = followed.replace(f"{{{name}}}", value)
                self._keep(table, log.membership, followed, "is_member <> was_member", "is_member = was_member")
            else:
                key, order = FIRST_OF_KEY[table]
                numbered = (
                    f"select *, row_number() over (partition by {', '.join(key)} order by {order}) as copy_number"
                )
                self._keep(table, key, f"{numbered} from {{raw}}.{{table}}", "copy_number = 1", "copy_number > 1")

    def recount_scans(self) -> None:
        """Sets the member count after each scan to that of the log. The log has to be without repeated changes."""
        for log in self._logs.values():
            self._execute(f"create temporary table recounted as {RECOUNTED}", **log.names)
            self._execute(RECOUNT, **log.names)
            self._execute("drop table recounted")

    def other_schemas(self) -> list[str]:
        """Schemas that dlt's development mode has made beside the raw tables."""
        query = statement(self._dialect, "select schema_name from information_schema.schemata order by 1")
        return [name for (name,) in self._client.execute_sql(query) or () if DEVELOPMENT.fullmatch(name)]

    def drop(self, schema: str) -> None:
        self._execute("drop schema {schema} cascade", schema=schema)

    def _keep(self, table: str, key: Sequence[str], query: str, is_kept: str, is_double: str) -> None:
        """Of the keys with a double, replaces all rows by those that are kept."""
        names, keys = ", ".join(self._columns(table)), ", ".join(key)
        self._execute(f"create temporary table judged as {query}", table=table)
        doubles = f"({keys}) in (select {keys} from judged where {is_double})"  # noqa: S608
        self._execute(f"delete from {{raw}}.{{table}} where {doubles}", table=table)  # noqa: S608
        kept = f"select {names} from judged where {is_kept} and {doubles}"  # noqa: S608
        self._execute(f"insert into {{raw}}.{{table}} ({names}) {kept}", table=table)
        self._execute("drop table judged")

    def _columns(self, table: str) -> list[str]:
        found = columns(self._client.execute_sql, self._dialect, RAW)
        return [identifier(self._dialect, column.name) for column in found if column.table == table]

    def _count(self, template: str, **parts: str) -> int:
        return int(self._rows(template, **parts)[0][0])

    def _rows(self, template: str, *values: str, **parts: str) -> Sequence[Any]:
        return self._client.execute_sql(statement(self._dialect, template, raw=RAW, **parts), *values) or ()

    def _execute(self, template: str, *values: str, **parts: str) -> None:
        self._client.execute_sql(statement(self._dialect, template, raw=RAW, **parts), *values)
