"""Runs tap-intercom against another host than Intercom's: `tap_runner.py BASE_URL TOKEN`, messages to standard output.

Run it with the interpreter of the tap's environment. It sets two things for which the tap has no option, neither to
the tap's disadvantage: the host, and no request to /tags to verify the token, because the sandbox has no tags.
"""

import sys
from typing import Any

from singer.catalog import Catalog
from tap_intercom import sync
from tap_intercom.client import IntercomClient
from tap_intercom.discover import discover

CONFIG = {"start_date": "1970-01-02T00:00:00Z", "user_agent": "intercom-warehouse benchmarks"}
UNSELECTED = (("properties", "tags"), ("properties", "companies"))
"""Lists that the tap completes with further calls for each contact with many. Without them it reads only contacts."""


def contacts_catalog() -> Catalog:
    """The tap's own catalog, with only contacts selected."""
    catalog = discover()
    contacts = catalog.get_stream("contacts")
    for entry in contacts.metadata:
        entry["metadata"]["selected"] = entry["breadcrumb"] not in UNSELECTED
    return Catalog([contacts])


def client_at(base_url: str) -> Any:
    """A factory of the tap's clients for that host."""

    def client(*arguments: Any) -> IntercomClient:
        made = IntercomClient(*arguments)
        made.base_url = base_url
        made._IntercomClient__verified = True
        return made

    return client


if __name__ == "__main__":
    base_url, token = sys.argv[1:]
    module = sys.modules[sync.__module__]
    module.IntercomClient = client_at(base_url)  # type: ignore[attr-defined]
    sync(CONFIG | {"access_token": token}, {}, contacts_catalog())
