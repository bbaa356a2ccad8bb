"""`check`: whether a sync would work, one line for each requirement."""

import asyncio
from collections.abc import Iterator
from datetime import datetime

from sources.intercom.api import App, Pacer, Retries, Segment, Usage
from sources.intercom.memberships import Selection
from sources.intercom.readings import LoadedTables, check_clock, check_host_clock
from sources.intercom.search import count, everyone
from sources.intercom.settings import IntercomSettings
from sources.intercom.wire import named

from ..destinations import Warehouse
from ..folder import LockRequest
from ..messages import utc_text
from ..runs import check_database_is_there, check_identity, check_purpose

FEW_RETRIES = Retries(attempts=2, wait_initial=0.2)
"""The user waits for the answer."""


def run_checks(
    warehouse: Warehouse, settings: IntercomSettings, workspace: str, now: datetime
) -> Iterator[tuple[str, str]]:
    """Name and finding of each requirement that is met, one after the other.

    Raises:
        WarehouseError, IntercomError: the first requirement that is not met.
    """
    yield "settings", f"version {settings.api_version} at {settings.url}"
    check_purpose(warehouse, workspace)
    check_database_is_there(warehouse, workspace)
    pacer, usage = Pacer(settings.rate_limit_share), Usage()
    app, segments, contacts = asyncio.run(_access(settings, pacer, usage))
    yield "token", f"belongs to workspace {app.id_code}{f' ({named(app.name)})' if app.name else ''}"
    check_host_clock(now, usage)
    yield "clock", f"{utc_text(now)} UTC, as Intercom's"
    yield "scopes", f"{len(segments):,} segments and {contacts:,} contacts can be read"
    yield "segments", _followed(settings, segments)
    yield "quota", f"{pacer.quota}; a sync uses at most {settings.rate_limit_share:.0%} of it"
    with warehouse.held(LockRequest("check", workspace)):
        yield "lock", "free"
        yield "warehouse", f"{warehouse.place} can be written"
        pipeline = warehouse.pipeline(workspace)
        check_identity(app, settings, pipeline)
        yield "workspace", f"in region {settings.region}, as configured for pipeline {workspace}"
        check_clock(now, LoadedTables(pipeline.sql_client, app.id_code))
        yield "log", "no observation is in the future"


def _followed(settings: IntercomSettings, segments: list[Segment]) -> str:
    """How many segments are read, and which names in the settings match none."""
    selection = Selection(settings.include_segments or (), settings.exclude_segments or ())
    selection.check(segments)
    followed = f"{len(selection.of(segments))} of {len(segments)} are read"
    return "; ".join([followed, *selection.notes(segments)])


async def _access(settings: IntercomSettings, pacer: Pacer, usage: Usage) -> tuple[App, list[Segment], int]:
    async with settings.client(pacer, usage, retries=FEW_RETRIES) as client:
        app = (await client.me()).app
        return app, await client.segments(), await count(client, everyone())
