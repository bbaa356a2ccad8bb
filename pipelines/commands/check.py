"""`check`: whether a sync would work, one line for each requirement."""

import asyncio
from collections.abc import Iterator

from sources.intercom.api import App, Pacer, Retries, Usage
from sources.intercom.search import count, everyone
from sources.intercom.settings import IntercomSettings

from ..destinations import Warehouse
from ..folder import LockRequest
from ..runs import check_identity

FEW_RETRIES = Retries(attempts=2, wait_initial=0.2)
"""The user waits for the answer."""


def run_checks(warehouse: Warehouse, settings: IntercomSettings, workspace: str) -> Iterator[tuple[str, str]]:
    """Name and finding of each requirement that is met, one after the other.

    Raises:
        WarehouseError, IntercomError: the first requirement that is not met.
    """
    yield "settings", f"version {settings.api_version} at {settings.url}"
    pacer = Pacer(settings.rate_limit_share)
    app, segments, contacts = asyncio.run(_access(settings, pacer))
    yield "token", f"belongs to workspace {app.id_code}{f' ({app.name})' if app.name else ''}"
    yield "scopes", f"{segments:,} segments and {contacts:,} contacts can be read"
    yield "quota", f"{pacer.quota}; a sync uses at most {settings.rate_limit_share:.0%} of it"
    with warehouse.held(LockRequest("check", workspace)):
        yield "lock", "free"
        yield "warehouse", f"{warehouse.place} can be written"
        check_identity(app, settings, warehouse.pipeline(workspace))
        yield "workspace", f"in region {settings.region}, as configured for pipeline {workspace}"


async def _access(settings: IntercomSettings, pacer: Pacer) -> tuple[App, int, int]:
    async with settings.client(pacer, Usage(), retries=FEW_RETRIES) as client:
        app = (await client.me()).app
        return app, len(await client.segments()), await count(client, everyone())
