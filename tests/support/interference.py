"""Changes and failures in the middle of a run."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import httpx

from .deployments import Deployment


def breaks_loading(folder: Path) -> None:
    """A view where a table has to be."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("alter table intercom_raw.contacts rename to moved")
        connection.execute("create view intercom_raw.contacts as select * from intercom_raw.moved")


class Stop(Exception):
    pass


def stop(step: str) -> None:
    if step.startswith("Loading"):
        raise Stop


class Meddling(httpx.AsyncBaseTransport):
    """Does something in the workspace right after the first page of a search that names a field."""

    def __init__(self, deployment: Deployment, named: str, meddle: Callable[[], object]) -> None:
        self.inner, self.named, self.meddle = deployment.transport, named.encode(), [meddle]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if self.meddle and self.named in request.content and b'"per_page":150' in request.content:
            self.meddle.pop()()
        return response
