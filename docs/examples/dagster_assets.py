"""A Dagster code location: each table of a workspace is an asset. Start it with `dagster dev -f dagster_assets.py`."""

import dagster
import dlt
from dagster_dlt import DagsterDltResource, dlt_assets

from sources.intercom import intercom


@dlt_assets(
    dlt_source=intercom(),
    dlt_pipeline=dlt.pipeline("intercom", destination="duckdb", dataset_name="intercom_raw"),
    name="intercom",
    group_name="intercom",
)
def intercom_assets(context: dagster.AssetExecutionContext, dlt: DagsterDltResource):  # dagster-dlt's type
    yield from dlt.run(context=context)


definitions = dagster.Definitions(
    assets=[intercom_assets],
    resources={"dlt": DagsterDltResource()},
    schedules=[
        dagster.ScheduleDefinition(
            name="daily_intercom", target=dagster.AssetSelection.groups("intercom"), cron_schedule="15 3 * * *"
        )
    ],
)
