"""`check`: whether a sync would work, one line for each requirement."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sources.intercom.api import App, Pacer, Retries, Segment, Usage, has
from sources.intercom.catalog import Resource, chosen
from sources.intercom.lists import refused_lists
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


@dataclass(frozen=True)
class Finding:
    """A requirement of a sync. With `remarks` it is met in part, and a sync ends with exit code 6."""

    name: str
    text: str
    remarks: tuple[str, ...] = ()


def run_checks(warehouse: Warehouse, settings: IntercomSettings, workspace: str, now: datetime) -> Iterator[Finding]:
    """The requirements that are met, one after the other.

    Raises:
        WarehouseError, IntercomError: the first requirement that is not met.
    """
    check_purpose(warehouse, workspace)
    check_database_is_there(warehouse, workspace)
    yield Finding("settings", f"version {settings.api_version} at {settings.url}")
    pacer, usage = Pacer(settings.rate_limit_share), Usage()
    lists = [one for one in chosen(settings.resources or ()) if has(settings.api_version, one.since)]
    app, segments, contacts, refused = asyncio.run(_access(settings, pacer, usage, lists))
    name = f" ({named(app.name)})" if app.name else ""
    yield Finding("token", f"belongs to workspace {app.id_code}{name}")
    check_host_clock(now, usage)
    yield Finding("clock", f"{utc_text(now)} UTC, as Intercom's")
    yield Finding("scopes", f"{len(segments):,} segments and {contacts:,} contacts can be read")
    yield _followed(Selection(settings.include_segments or (), settings.exclude_segments or ()), segments)
    yield Finding("lists", _lists(lists, refused))
    yield Finding("quota", f"{pacer.quota}; a sync uses at most {settings.rate_limit_share:.0%} of it")
    with warehouse.held(LockRequest("check", workspace)):
        yield from _of_warehouse(warehouse, settings, workspace, app, now)


def _of_warehouse(
    warehouse: Warehouse, settings: IntercomSettings, workspace: str, app: App, now: datetime
) -> Iterator[Finding]:
    yield Finding("lock", "free")
    yield Finding("warehouse", f"{warehouse.place} can be written")
    pipeline = warehouse.pipeline(workspace)
    check_identity(app, settings, pipeline)
    yield Finding("workspace", f"in region {settings.region}, as configured for pipeline {workspace}")
    check_clock(now, LoadedTables(pipeline.sql_client, app.id_code))
    yield Finding("log", "no observation is in the future")


def _followed(selection: Selection, listed: Collection[Segment]) -> Finding:
    selection.check(listed)
    return Finding(
        "segments", f"{len(selection.of(listed)):,} of {len(listed):,} followed", tuple(selection.notes(listed))
    )


def _lists(lists: Collection[Resource], refused: Collection[Resource]) -> str:
    if not lists:
        return "none chosen beside contacts and segments"
    named = ", ".join(f"{one.table} (scope {one.scope})" for one in refused)
    return f"{len(lists)} chosen" + (f"; a sync leaves out what Intercom refuses: {named}" if refused else "")


async def _access(
    settings: IntercomSettings, pacer: Pacer, usage: Usage, lists: Sequence[Resource]
) -> tuple[App, list[Segment], int, list[Resource]]:
    async with settings.client(pacer, usage, retries=FEW_RETRIES) as client:
        app = (await client.me()).app
        segments, contacts = await client.segments(), await count(client, everyone())
        return app, segments, contacts, await refused_lists(client, lists, settings.custom_objects or ())
