"""Loads a workspace into a DuckDB file, and prints the size of each segment."""

import dlt

from sources.intercom import intercom

pipeline = dlt.pipeline("intercom", destination="duckdb", dataset_name="intercom_raw")
pipeline.run(intercom())
sizes = pipeline.dataset()("select segment_id, members from segment_scans order by members desc, segment_id")
print(*sizes.fetchall(), sep="\n")
