"""A warehouse whose raw tables a test fills itself, as runs would have loaded them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from pipelines.destinations import Dialect
from pipelines.destinations.duckdb import DuckDB
from pipelines.models import Build, build, refresh
from pipelines.models.definitions import SQL
from sources.intercom.tables import BESIDE_CONTACTS, CONTACTS, NESTED_CONTACT_FIELDS
from sources.intercom.tables.schemas import BOOLEAN, INTEGER, TEXT, TIMESTAMP

RAW_TABLES = {"contacts": CONTACTS, **BESIDE_CONTACTS}
TYPES = {TEXT: "text", INTEGER: "bigint", BOOLEAN: "boolean", TIMESTAMP: "timestamptz"}
JSON_COLUMNS = {*NESTED_CONTACT_FIELDS, "_extra"}
SCAN_LASTS = timedelta(minutes=10)
SPELL = (
    "workspace_id, segment_id, contact_id, spell_number, entered_at, left_at, entered_after, left_after, entered_on, "
    "left_on, is_current, is_baseline, enter_reason, leave_reason, merged_into_contact_id"
)
DAY = (
    "workspace_id, observed_on, segment_id, member_count, baseline_count, entered_count, left_count, rejoined_count, "
    "reported_count, is_swept"
)

READINGS = [
    ("sweep", "complete"),
    ("sweep", "complete"),
    ("per_contact", "complete"),
    ("cursor", "confirmed"),
    ("none", "confirmed"),
    ("cursor", "unconfirmed"),
    ("none", "unconfirmed"),
    ("sweep", "incomplete"),
    ("none", "incomplete"),
]
"""How segments are scanned, and with what status."""

Row = tuple[Any, ...]
BuiltAfter = Callable[[Callable[["Warehouse"], None]], "Warehouse"]
"""Of the fixture `built_after`."""


def utc(moment: str | datetime) -> datetime:
    """'03-02 10:00' is an instant of 2026."""
    return moment if isinstance(moment, datetime) else datetime.fromisoformat(f"2026-{moment}").replace(tzinfo=UTC)


def epoch(text: str) -> int:
    return int(utc(text).timestamp())


def shown(value: object) -> object:
    """Instants and days as the tests write them; other values unchanged."""
    if isinstance(value, datetime):
        text = value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "minutes")
        return text.removeprefix("2026-")
    return value.isoformat().removeprefix("2026-") if isinstance(value, date) else value


@dataclass
class Warehouse:
    """Raw tables without a source: scans and changes as a run would have written them. Each build ends a load."""

    client: SqlClientBase[Any]
    raw: str = "intercom_raw"
    marts: str = "intercom"
    load: int = 0
    members: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    dialect: Dialect = DuckDB.dialect
    day_timezone: str = "UTC"
    folder: Path = SQL

    def create(self) -> None:
        self.client.execute_sql(f"create schema {self.raw}")
        for table, schema in RAW_TABLES.items():
            json = "jsonb" if "jsonb" in self.dialect.text_types else "json"
            types = {one.name: json if one.name in JSON_COLUMNS else TYPES[one.type] for one in schema}
            columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
            self.client.execute_sql(f"create table {self.raw}.{table} ({columns}, _dlt_load_id text)")

    def insert(self, table: str, **row: Any) -> None:
        row["_dlt_load_id"] = f"load {self.load}"
        names, places = ", ".join(row), ", ".join(["%s"] * len(row))
        self.client.execute_sql(f"insert into {self.raw}.{table} ({names}) values ({places})", *row.values())

    def list_segment(
        self,
        segment: str = "s1",
        *,
        edited: str = "01-01 00:00",
        name: str = "Active",
        seen: str = "03-01 09:00",
        workspace: str = "w",
    ) -> None:
        self.insert(
            "segments",
            workspace_id=workspace,
            segment_id=segment,
            name=name,
            person_type="user",
            created_at=epoch("01-01 00:00"),
            updated_at=epoch(edited),
            observed_at=utc(seen),
        )

    def scan(
        self,
        observed: str | datetime,
        segment: str = "s1",
        *,
        joins: str = "",
        leaves: str = "",
        how: str = "sweep",
        status: str = "complete",
        started: str | None = None,
        count: int | None = None,
        seen: int = 0,
        removed: str = "",
        workspace: str = "w",
    ) -> str:
        """A scan that began ten minutes earlier, with what it found (contacts by name); returns its run's id.

        Scans of one hour are of one run. `removed` leave because they are removed contacts; `seen` is how many known
        members a cursor saw again.
        """
        observed_at = utc(observed)
        key = {"workspace_id": workspace, "segment_id": segment, "observed_at": observed_at}
        run_id = f"run of {observed_at:%m-%d %H}"
        members = self.members.setdefault((workspace, segment), set())
        changes = [(joins, True, how), (leaves, False, how), (removed, False, "removal")]
        for contacts, is_member, seen_by in changes:
            for contact in contacts.split():
                self.insert("membership_changes", **key, contact_id=contact, is_member=is_member, seen_by=seen_by)
        members |= set(joins.split())
        members -= set(f"{leaves} {removed}".split())
        fetched = {"sweep": len(members), "per_contact": len(members), "none": None, "deleted": 0}
        self.insert(
            "segment_scans",
            **key,
            run_id=run_id,
            how=how,
            status=status,
            started_at=utc(started) if started else observed_at - SCAN_LASTS,
            count=len(members) if count is None else count,
            fetched=fetched.get(how, len(joins.split()) + seen),
            members=len(members),
        )
        return run_id

    def remove(
        self,
        contact: str,
        status: str,
        observed: str | datetime,
        *,
        happened: str | None = None,
        into: str | None = None,
        run: str | None = None,
    ) -> None:
        self.insert(
            "contact_removals",
            workspace_id="w",
            contact_id=contact,
            status=status,
            observed_at=utc(observed),
            happened_at=epoch(happened) if happened else None,
            merged_into_contact_id=into,
            run_id=run,
        )

    def meet(self, *contacts: str, workspace: str = "w") -> None:
        for contact in contacts:
            self.insert("contacts", workspace_id=workspace, id=contact, role="user", created_at=epoch("01-01 00:00"))

    def build(self, folder: Path | None = None, select: list[str] | None = None) -> Build:
        self.load += 1
        return build(self.client, self.dialect, folder=folder or self.folder, select=select, **self._place)

    def refresh(self, folder: Path = SQL, *, compare_every: timedelta | None = None) -> Build:
        self.load += 1
        zone = self.day_timezone
        return refresh(
            self.client,
            self.dialect,
            raw=self.raw,
            marts=self.marts,
            day_timezone=zone,
            compare_every=compare_every,
            folder=folder,
        )

    @property
    def _place(self) -> dict[str, str]:
        return {"raw": self.raw, "marts": self.marts, "day_timezone": self.day_timezone}

    def rows(self, sql: str) -> list[Row]:
        found = self.client.execute_sql(sql) or []
        return [tuple(shown(value) for value in row) for row in found]

    def spells(self, columns: str = SPELL) -> list[Row]:
        order = "workspace_id, segment_id, contact_id, spell_number"
        return self.rows(f"select {columns} from {self.marts}.segment_memberships order by {order}")

    def days(self, columns: str = DAY) -> list[Row]:
        return self.rows(f"select {columns} from {self.marts}.segment_daily order by segment_id, observed_on")
