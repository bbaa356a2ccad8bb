"""Which tables a run passes to dlt."""

from collections.abc import Iterator
from pathlib import Path

import dlt
import pyarrow as pa
import pytest
from dlt.extract import DltResource

from sources.intercom.resources.dispositions import is_needed

FIRST = pa.table({"id": ["a"]})


@dlt.source(name="things")
def things(table: pa.Table) -> DltResource:
    def rows() -> Iterator[pa.Table]:
        if is_needed("things", table):
            yield table

    return dlt.resource(rows, name="things")


@pytest.fixture
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    made = dlt.pipeline(
        "things",
        destination=dlt.destinations.duckdb(str(tmp_path / "things.duckdb")),
        dataset_name="loaded",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    made.run(things(FIRST))
    return made


def test_an_empty_table_is_not_loaded_again(pipeline: dlt.Pipeline) -> None:
    extracted = pipeline.extract(things(FIRST.slice(1)))

    assert [job for package in extracted.load_packages for jobs in package.jobs.values() for job in jobs] == []


def test_an_empty_table_creates_the_columns_that_it_adds(pipeline: dlt.Pipeline) -> None:
    pipeline.run(things(FIRST.slice(1).append_column("name", pa.array([], pa.string()))))

    assert pipeline.dataset()["things"].select("id", "name").fetchall() == [("a", None)]
