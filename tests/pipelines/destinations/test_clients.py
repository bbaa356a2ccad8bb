"""Older DuckDB clients open the published copy: one environment for each."""

import subprocess
import sys
from pathlib import Path

import pytest

from ...support.deployments import Deployment

READ_ALL = """
import sys
import duckdb

with duckdb.connect(sys.argv[1], read_only=True) as connection:
    relations = connection.execute(
        "select schema_name, table_name from duckdb_tables() where not internal union all "
        "select schema_name, view_name from duckdb_views() where not internal"
    ).fetchall()
    for schema, relation in relations:
        connection.execute(f'select * from "{schema}"."{relation}"').fetchall()
    print(duckdb.__version__, len(relations))
"""


@pytest.mark.nightly
@pytest.mark.parametrize("version", ["1.2.2", "1.3.2", "1.4.5", "1.5.*", "2.0.*"])
def test_every_relation_of_the_published_copy_can_be_read_with_duckdb(
    synced: Deployment, tmp_path: Path, version: str
) -> None:
    python = tmp_path / "client" / "bin" / "python"
    uv = (sys.executable, "-m", "uv")
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "client")], check=True)
    wanted = (f"duckdb=={version}", "pytz")  # clients before 2.0 need the second for times with a zone
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), *wanted], check=True)

    read = subprocess.run(
        [str(python), "-c", READ_ALL, str(synced.warehouse.published)], capture_output=True, text=True, check=False
    )

    assert read.stderr == ""
    assert read.stdout.startswith(version.removesuffix("*"))
    assert int(read.stdout.split()[1]) > 30
