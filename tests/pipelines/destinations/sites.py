"""A data folder and a database of each destination, for tests of what all of them promise."""

import gzip
import json
import sys
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

from pipelines.destinations import Warehouse
from pipelines.destinations.ducklake import CATALOG, STORAGE, DuckLake
from pipelines.destinations.ducklake import configured_credentials as lake_credentials
from pipelines.errors import WarehouseError
from pipelines.models.definitions import load_models
from pipelines.settings import use_project_config
from sandbox.world import Workspace

from ...soak.kills import PROCESSES, Death, ReportingTransport, reporting_files, reporting_steps
from ...support.deployments import START, Deployment, standing_still
from ...support.personal_data import found_in
from ...support.postgres import Row, run
from .postgres_deployment import PostgresDeployment

HAS_DUCKLAKE = find_spec("duckdb_extension_ducklake") is not None
NEEDS_DUCKLAKE = pytest.mark.skipif(
    not HAS_DUCKLAKE,
    reason="no extension ducklake for this DuckDB: make test-ducklake has an environment with it",
)
MAINTAIN_EVERY = 4
MARTS = [model.name for model in load_models() if model.layer == "marts"]


class Site(NamedTuple):
    """Where a deployment of a destination is.

    `address`: its database on a server, if it has one. `lake`: the data folder that its lake is in, if not this one.
    """

    destination: str
    folder: Path
    address: str = ""
    lake: Path | None = None

    def deployment(self, workspace: Workspace) -> Deployment:
        if self.destination == "postgres":
            return PostgresDeployment(self.folder, workspace, address=self.address)
        deployment = Deployment(self.folder, workspace)
        if self.destination == "ducklake":
            lake = DuckLake(self.folder, self._lake_credentials(), maintain_every=MAINTAIN_EVERY)
            deployment.warehouse = Warehouse(self.folder, lake)
        return deployment

    def elsewhere(self) -> "Site":
        """The same database, and another data folder where that can be."""
        if self.destination == "duckdb":
            return self
        return self._replace(folder=self.folder.with_name("elsewhere"), lake=self.lake or self.folder)

    def _lake_credentials(self) -> DuckLakeCredentials:
        """With a catalogue in the database of this site, if it has one, and files that several data folders reach."""
        with pytest.MonkeyPatch.context() as environment:
            if self.address:
                environment.setenv(CATALOG, self.address)
                environment.setenv(STORAGE, str(self.folder.with_name("files")))
            return lake_credentials(self.lake or self.folder)

    def holding(self, words: Collection[str]) -> set[str]:
        """Files of the data folder, and tables of the database on a server, that hold one of the texts."""
        return {*found_in(self.folder.parent, words), *(self._tables_holding(words) if self.address else ())}

    def _tables_holding(self, words: Collection[str]) -> set[str]:
        named = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname !~ '^(pg_|information)'"
        tables = [name for (name,) in run(self.address, named)]
        texts = {table: str(run(self.address, f"select rows::text from {table} as rows")) for table in tables}
        return {table for table, text in texts.items() if any(word in text for word in words)}


def lived(days: int, **options: Any) -> Workspace:
    """A small workspace after some days; the same for the same arguments."""
    defaults: dict[str, Any] = {"contacts": 80, "segments": 4, "start": START, "monotonic": standing_still}
    workspace = Workspace(**(defaults | options))
    for _ in range(days):
        live(workspace)
    return workspace


def live(workspace: Workspace) -> None:
    """A day in which every fifth contact changes."""
    workspace.live(days=1, churn=0.2)


def sync_and_die(site: Site, age: int, death: Death) -> int | None:
    """Syncs `lived(age)` in another process; returns its exit code, negative if a signal ended it."""
    process = syncing(site, age, death)
    process.join()
    return process.exitcode


def syncing(site: Site, age: int, death: Death) -> BaseProcess:
    """A process that syncs `lived(age)`. It ends with the exit code of the command."""
    process = PROCESSES.Process(target=_sync, args=(site, age, death))
    process.start()
    return process


def _sync(site: Site, age: int, death: Death) -> None:
    use_project_config()
    deployment = site.deployment(lived(age))
    sys.addaudithook(reporting_files(str(site.folder), death))
    try:
        deployment.sync(transport=ReportingTransport(deployment.transport, death), say=reporting_steps(death))
    except WarehouseError as error:
        sys.exit(error.exit_code)


def spoil(file: Path) -> None:
    """Makes a file of a load package one that no database accepts."""
    if file.suffix == ".parquet":
        rows = pq.read_table(file)
        position = rows.schema.get_field_index("workspace_id")
        pq.write_table(rows.set_column(position, "workspace_id", pa.nulls(len(rows), pa.string())), file)
    else:
        file.write_bytes(gzip.compress(b"INSERT INTO {} VALUES ('spoilt')"))


def members(warehouse: Warehouse) -> set[tuple[str, str]]:
    """Pairs of segment and contact, as readers see them."""
    with warehouse.reading() as ask:
        rows = ask("select segment_id, contact_id from intercom.current_segment_members")
    return {(segment, contact) for segment, contact in rows}


def different_marts(ours: Warehouse, theirs: Warehouse) -> dict[str, int]:
    """The marts that differ, with the number of rows that only one of the two has, counted as `except all` does."""
    with ours.reading() as our, theirs.reading() as their:
        rows = {mart: [Counter(map(plain_row, ask(_all(mart)))) for ask in (our, their)] for mart in MARTS}
    found = {mart: ((one - other) + (other - one)).total() for mart, (one, other) in rows.items()}
    return {mart: count for mart, count in found.items() if count}


def _all(mart: str) -> str:
    return f"select * from intercom.{mart}"


def plain_row(row: Collection[Any]) -> Row:
    """A row as every database has it: instants in UTC, JSON in one order, run ids without their random end."""
    return tuple(plain(value) for value in row)


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str) and value[:1] in ("{", "["):
        value = json.loads(value)
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return value[:15] if isinstance(value, str) and value[8:9] == "T" and value[15:16] == "-" else value
