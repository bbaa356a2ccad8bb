"""DuckLake: what is configured, what is refused, and what maintenance leaves. More is in the contract of all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest

from pipelines.destinations import Warehouse, destination_named
from pipelines.destinations.ducklake import CATALOG, STORAGE, DuckLake, check_extensions, configured_credentials
from pipelines.errors import Busy, Misconfigured, Unreachable
from pipelines.folder import LockRequest
from pipelines.settings import warehouse_settings

from ...support.deployments import Deployment
from ...support.postgres import PASSWORD
from ...support.terminal import Terminal
from .sites import HAS_DUCKLAKE, NEEDS_DUCKLAKE, Site, live, lived, members

SERVER = f"postgresql://someone:{PASSWORD}@127.0.0.1:1/lake"


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DuckLake]:
    """A lake as variables describe it, in a data folder of its own. Nothing of it is opened."""

    def configure(**variables: str) -> DuckLake:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return DuckLake(tmp_path, configured_credentials(tmp_path))

    return configure


def test_without_settings_the_lake_is_in_the_data_folder(configured: Callable[..., DuckLake], tmp_path: Path) -> None:
    lake = configured()

    assert (lake.place, lake.files) == (str(tmp_path / "lake" / "catalog.ducklake"), (tmp_path / "lake",))
    assert not lake.exists
    assert not (tmp_path / "lake").exists()


def test_a_catalogue_on_a_server_is_named_without_its_password(configured: Callable[..., DuckLake]) -> None:
    lake = configured(**{CATALOG: SERVER, STORAGE: "/mnt/lake"})

    assert lake.place == "127.0.0.1:1/lake, schema ducklake"
    assert PASSWORD not in lake.place + lake.address + lake.subfolder


@pytest.mark.parametrize("address", ["mysql://u:p@h/db", "sqlite:///file", "nonsense", f"postgresql://u:{PASSWORD}@h"])
def test_a_catalogue_that_is_neither_on_postgresql_nor_a_file_is_refused(
    configured: Callable[..., DuckLake], address: str
) -> None:
    with pytest.raises(Misconfigured, match=CATALOG) as refused:
        configured(**{CATALOG: address})

    assert PASSWORD not in str(refused.value)


def test_a_server_that_does_not_answer_is_unavailable(configured: Callable[..., DuckLake]) -> None:
    lake = configured(**{CATALOG: SERVER})

    with pytest.raises(Unreachable, match=CATALOG) as gone, lake.held(LockRequest()):
        pass

    assert PASSWORD not in str(gone.value)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (duckdb.IOException(f'Unable to connect to Postgres at "{SERVER}": refused'), Unreachable, CATALOG),
        (duckdb.HTTPException("HTTP 503"), Unreachable, STORAGE),
        (duckdb.InvalidInputException("DATA_PATH parameter does not match"), Misconfigured, STORAGE),
        (psycopg2.OperationalError("connection refused"), Unreachable, CATALOG),
    ],
)
def test_what_the_lake_reports_is_told_without_the_password(
    configured: Callable[..., DuckLake], error: Exception, kind: type[Exception], said: str
) -> None:
    explained = configured(**{CATALOG: SERVER}).explain(error)

    assert isinstance(explained, kind)
    assert said in str(explained)
    assert PASSWORD not in str(explained)


def test_a_program_that_has_the_catalogue_open_is_busy(configured: Callable[..., DuckLake]) -> None:
    explained = configured().explain(duckdb.IOException("Could not set lock on file"))

    assert isinstance(explained, Busy)
    assert "published.catalog.ducklake" in str(explained)


def test_a_missing_extension_is_refused_with_what_to_install(
    configured: Callable[..., DuckLake], tmp_path: Path
) -> None:
    credentials = configured_credentials(tmp_path)
    credentials.extensions = ["no_such_extension"]

    with pytest.raises(Misconfigured, match=r"no_such_extension.*Install duckdb==.*docs/destinations\.md"):
        check_extensions(credentials)


@pytest.mark.skipif(HAS_DUCKLAKE, reason="this DuckDB has the extension")
def test_a_duckdb_without_the_extension_is_refused_before_anything_is_written(terminal: Terminal) -> None:
    ended = terminal.run("sync", WAREHOUSE__DESTINATION="ducklake")

    assert ended.exit_code == 2, ended.errors
    assert ended.is_one_paragraph
    assert "duckdb-extension-ducklake" in ended.errors
    assert not terminal.folder.exists()


@NEEDS_DUCKLAKE
def test_ducklake_is_configured_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE__DATA_DIR", str(tmp_path))

    assert destination_named("ducklake").configured(warehouse_settings()).place == str(
        tmp_path / "lake" / "catalog.ducklake"
    )


@NEEDS_DUCKLAKE
def test_maintenance_merges_files_and_changes_no_row(tmp_path: Path) -> None:
    deployment = Site("ducklake", tmp_path / "data").deployment(lived(1))
    deployment.warehouse = maintained(deployment, 100)
    deployment.sync()
    live(deployment.workspace)
    deployment.sync()
    before = files_of(deployment)

    deployment.warehouse = maintained(deployment, 1)
    deployment.sync()

    after = files_of(deployment)
    assert before["membership_changes"] > 1
    assert after["membership_changes"] == 1
    assert members(deployment.warehouse) == deployment.workspace.pairs()
    with deployment.warehouse.reading() as ask:
        assert ask("select count(*) from intercom_raw._maintained") == [(1,)]


def maintained(deployment: Deployment, loads: int) -> Warehouse:
    """The same lake, maintained after this number of loads."""
    folder = deployment.folder
    return Warehouse(folder, DuckLake(folder, configured_credentials(folder), maintain_every=loads))


def files_of(deployment: Deployment) -> dict[str, int]:
    """How many files each raw table has. Tables that loads pass through have the same names, and are left out."""
    with deployment.warehouse.pipeline(deployment.name).sql_client() as client:
        rows: Any = client.execute_sql(
            "select table_name, max(file_count) from ducklake_table_info('ducklake') group by table_name"
        )
    return dict(rows)
