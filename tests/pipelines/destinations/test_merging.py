"""A table of a package that is large is merged by several statements, which leave what one would."""

from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest

from pipelines.destinations import Warehouse, duckdb

ROWS = 5_000


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Merges small parts. For each table that is merged, the number of its parts."""
    counts, split = list[int](), duckdb.parts_of

    def counted(*arguments: Any) -> list[str]:
        made = split(*arguments)
        counts.append(len(made))
        return made

    monkeypatch.setattr(duckdb, "MERGED_BYTES", 50_000)
    monkeypatch.setattr(duckdb, "parts_of", counted)
    return counts


def load(pipeline: dlt.Pipeline, first: int, text: str, strategy: str, rows: int = ROWS) -> None:
    table = pa.table({"id": range(first, first + rows), "text": [text * 20] * rows})
    disposition: Any = {"disposition": "merge", "strategy": strategy}
    pipeline.run(table, table_name="wide", write_disposition=disposition, primary_key="id")


@pytest.mark.parametrize(("strategy", "of_both"), [("upsert", "b"), ("insert-only", "a")])
def test_parts_leave_what_one_merge_would(tmp_path: Path, parts: list[int], strategy: str, of_both: str) -> None:
    pipeline = Warehouse(tmp_path).pipeline("intercom")

    load(pipeline, 0, "a", strategy)
    load(pipeline, ROWS // 2, "b", strategy)

    with pipeline.sql_client() as client:
        rows = client.execute_sql("select id, left(text, 1) from wide order by id") or ()
    expected = ["a"] * (ROWS // 2) + [of_both] * (ROWS // 2) + ["b"] * (ROWS // 2)
    assert [tuple(row) for row in rows] == list(enumerate(expected))
    assert all(count > 2 for count in parts)
    assert len(parts) == 2


@pytest.mark.parametrize(("strategy", "of_both"), [("upsert", "c"), ("insert-only", "a")])
def test_of_rows_with_one_key_the_last_is_loaded(tmp_path: Path, strategy: str, of_both: str) -> None:
    pipeline = Warehouse(tmp_path).pipeline("intercom")
    disposition: Any = {"disposition": "merge", "strategy": strategy}

    for rows in ({"id": [1, 1], "text": ["", "a"]}, {"id": [1, 2, 1, 2], "text": ["b", "b", "c", "c"]}):
        pipeline.run(pa.table(rows), table_name="narrow", write_disposition=disposition, primary_key="id")

    with pipeline.sql_client() as client:
        loaded = client.execute_sql("select id, text from narrow order by id")
    assert loaded == [(1, of_both), (2, "c")]


def test_few_rows_and_none_are_one_part(tmp_path: Path, parts: list[int]) -> None:
    pipeline = Warehouse(tmp_path).pipeline("intercom")

    load(pipeline, 0, "a", "upsert", rows=duckdb.MEASURED_ROWS)
    load(pipeline, 0, "b", "upsert", rows=0)

    assert set(parts) == {1}
    with pipeline.sql_client() as client:
        assert client.execute_sql("select count(*), min(left(text, 1)) from wide") == [(duckdb.MEASURED_ROWS, "a")]
