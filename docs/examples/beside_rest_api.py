"""Loads a workspace, and beside it an endpoint that the source does not read, in one pipeline."""

import dlt
from dlt.sources.rest_api import RESTAPIConfig, rest_api_source

from sources.intercom import intercom

me: RESTAPIConfig = {
    "client": {
        "base_url": dlt.config.get("sources.intercom.base_url") or "https://api.intercom.io",
        "headers": {"Intercom-Version": "2.14"},
        "auth": {"type": "bearer", "token": dlt.secrets["sources.intercom.access_token"]},
        "paginator": "single_page",
    },
    "resources": [
        {
            "name": "token_owners",
            "primary_key": "id",
            "write_disposition": "merge",
            "endpoint": {"path": "me", "data_selector": "$"},
        }
    ],
}

pipeline = dlt.pipeline("intercom", destination="duckdb", dataset_name="intercom_raw")
pipeline.run([intercom(), rest_api_source(me, name="intercom_me")])
print(*pipeline.dataset()("select id, app__id_code, app__timezone from token_owners").fetchall(), sep="\n")
