"""Runs tap-intercom against another host than Intercom's: `tap_runner.py BASE_URL TOKEN`, messages to standard output.

For the interpreter of the environment that has the tap in it. Two things are set that the tap has no option for, not at
its expense: the host, and no look at /tags to try the token, since the sandbox has none.
"""

import sys
from typing import Any

from singer.catalog import Catalog
from tap_intercom import sync
from tap_intercom.client import IntercomClient
from tap_intercom.discover import discover

CONFIG = {"start_date": "1970-01-02T00:00:00Z", "user_agent": "intercom-warehouse benchmarks"}
UNSELECTED = (("properties", "tags"), ("properties", "companies"))
"""Lists that the tap completes with calls for each contact that has many: left out, the contact alone is read."""


def contacts_catalog() -> Catalog:
    """The tap's own catalog with contacts alone selected."""
    catalog = discover()
    contacts = catalog.get_stream("contacts")
    for entry in contacts.metadata:
        entry["metadata"]["selected"] = entry["breadcrumb"] not in UNSELECTED
    return Catalog([contacts])


def client_at(base_url: str) -> Any:
    """What makes the tap's client, for that host."""

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
