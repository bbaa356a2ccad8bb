"""Exports hold what the marts hold, and nothing that a spreadsheet would compute."""

import csv
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.choices import FileFormat
from pipelines.commands import Export
from pipelines.commands.export import guarded, marts
from pipelines.errors import Misconfigured, NothingToRead
from pipelines.models import list_marts

from ...support.deployments import Deployment
from ...support.nightly import nightly

HOSTILE = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\uff1d1", 'a "quoted", name', "日本, ünï"]


@pytest.mark.parametrize("file_format", nightly(FileFormat, FileFormat.CSV))
def test_every_mart_is_a_file_with_its_rows(synced: Deployment, tmp_path: Path, file_format: FileFormat) -> None:
    exported = Export(synced.warehouse, tmp_path / "marts", file_format).run()

    assert [one.mart for one in exported.files] == MARTS
    for one in exported.files:
        kept = f"select count(*) from '{one.file}'"
        assert synced.query(f"select count(*) from intercom.{one.mart}") == [(one.rows,)]
        assert duckdb.connect().execute(kept).fetchall() == [(one.rows,)]
        assert Path(one.file).stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in (tmp_path / "marts").iterdir()) == [f"{name}.{file_format}" for name in MARTS]


MARTS = sorted(set(marts()) - {mart.name for mart in list_marts()})
"""Those of a warehouse in which no list was read."""


def test_parquet_has_the_values_and_types_of_the_mart(synced: Deployment, tmp_path: Path) -> None:
    Export(synced.warehouse, tmp_path, select=["segment_memberships"]).run()

    order = "order by segment_id, contact_id, spell_number"
    file = duckdb.connect()
    file.execute("set TimeZone = 'UTC'")
    exported = file.execute(f"select * from '{tmp_path}/segment_memberships.parquet' {order}").fetchall()
    assert exported == synced.query(f"select * from intercom.segment_memberships {order}")


def test_a_file_is_replaced_and_others_stay(synced: Deployment, tmp_path: Path) -> None:
    (tmp_path / "segments.parquet").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")

    Export(synced.warehouse, tmp_path, select=["segments"]).run()

    assert (tmp_path / "segments.parquet").read_bytes().startswith(b"PAR1")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_a_spreadsheet_would_compute_is_text(make_deployment: Callable[..., Deployment], tmp_path: Path) -> None:
    deployment = make_deployment(contacts=60, segments=3)
    for contact_id, name in zip(sorted(deployment.workspace.contacts), HOSTILE, strict=False):
        deployment.workspace.update(contact_id, name=name)
    deployment.sync()

    Export(deployment.warehouse, tmp_path, FileFormat.CSV, select=["contacts"]).run()

    with (tmp_path / "contacts.csv").open(encoding="utf-8-sig", newline="") as file:
        names = {row["name"].lstrip("'") for row in csv.DictReader(file)}
        file.seek(0)
        begins = {value[:1] for row in csv.DictReader(file) for key, value in row.items() if not key.endswith("_at")}
    assert names >= set(HOSTILE)
    assert not begins & set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


@given(st.lists(st.none() | st.text(max_size=5)))
def test_a_guarded_text_is_the_text_with_an_apostrophe_where_it_is_needed(texts: list[str | None]) -> None:
    column = guarded(pa.record_batch({"text": pa.array(texts, pa.string())})).column(0).to_pylist()

    is_formula = [text is not None and text[:1] in tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20") for text in texts]
    assert column == [f"'{text}" if guards else text for text, guards in zip(texts, is_formula, strict=True)]


def test_what_cannot_be_exported_is_told_and_leaves_nothing(synced: Deployment, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="There is no mart contact"):
        Export(synced.warehouse, tmp_path / "marts", select=["contact"]).run()
    with pytest.raises(NothingToRead):
        Export(Deployment(tmp_path / "new", synced.workspace).warehouse, tmp_path / "marts").run()
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="cannot be written"):
        Export(synced.warehouse, tmp_path / "file").run()

    assert not list(tmp_path.rglob("*.parquet"))
