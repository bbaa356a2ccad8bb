"""Views in a metastore show the marts of the newest run."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.lake import Spark, spark_at


@pytest.fixture
def spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spark]:
    """A session of this computer with a metastore in a folder."""
    settings = {
        "spark.sql.catalogImplementation": "hive",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={tmp_path}/metastore;create=true",
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={tmp_path} -XX:TieredStopAtLevel=1",
    }
    defaults = tmp_path / "spark-defaults.conf"
    defaults.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    with spark_at("local[1]", tmp_path / "spark.log", tmp_path / "files") as spark:
        yield spark


def write(run: Path, name: str) -> Path:
    (run / "segments").mkdir(parents=True)
    pq.write_table(pa.table({"name": [name]}), run / "segments" / "rows.parquet")
    return run


def test_views_are_pointed_to_a_new_run_and_nothing_of_a_build_stays(spark: Spark, tmp_path: Path) -> None:
    assert spark.has_catalog
    spark.create_schema("intercom_build_1")
    spark.repoint(["segments"], write(tmp_path / "run=1", "Active"))
    assert spark.first("select name from intercom.segments") == {"name": "Active"}

    spark.repoint(["segments"], write(tmp_path / "run=2", "Paying"))
    spark.drop_schemas()

    assert spark.first("select name from intercom.segments") == {"name": "Paying"}
    assert spark.first("show schemas like 'intercom_build_1'") is None
