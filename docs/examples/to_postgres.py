"""Loads a workspace into PostgreSQL, and prints how many contacts joined or left segments, by day."""

import dlt

from sources.intercom import intercom

DAYS = "select cast(observed_at as date) as day, is_member, count(*) as changes from membership_changes group by 1, 2"

pipeline = dlt.pipeline("intercom", destination="postgres", dataset_name="intercom_raw")
pipeline.run(intercom())
print(*pipeline.dataset()(DAYS).fetchall(), sep="\n")
