"""Why a package could not be loaded."""

from pathlib import Path

import duckdb
import pytest
from dlt.destinations.exceptions import DatabaseTransientException, DestinationConnectionError
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.destinations import Warehouse
from pipelines.errors import NoResources
from pipelines.loading import stuck_packages_explained

LACKING = "Failed to create checkpoint because of error: failed to allocate data of size 16.0 MiB"


@pytest.mark.parametrize(
    "error",
    [
        DatabaseTransientException(duckdb.FatalException(f"FATAL Error: {LACKING}")),
        DestinationConnectionError("DuckDbSqlClient", "intercom_raw", LACKING, duckdb.FatalException(LACKING)),
    ],
    ids=["the one that it ended with", "those after it"],
)
def test_what_the_computer_lacked_is_named_and_no_package_is_to_be_dropped(tmp_path: Path, error: Exception) -> None:
    pipeline = Warehouse(tmp_path).pipeline("intercom")

    with pytest.raises(NoResources, match="not enough memory") as raised, stuck_packages_explained():
        raise PipelineStepFailed(pipeline, "load", "1", error) from error

    assert "abort-pending" not in str(raised.value)
