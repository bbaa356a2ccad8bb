"""`check`: whether a sync would work, one line for each requirement."""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sources.intercom.api import App, Pacer, Retries, Segment, Usage
from sources.intercom.memberships import Selection
from sources.intercom.search import count, everyone
from sources.intercom.settings import IntercomSettings
from sources.intercom.wire import plainly

from ..destinations import Warehouse
from ..folder import LockRequest
from ..runs import check_identity, check_purpose

FEW_RETRIES = Retries(attempts=2, wait_initial=0.2)
"""The user waits for the answer."""


@dataclass(frozen=True)
class Finding:
    """A requirement of a sync. With `remarks` it is met in part, and a sync ends with exit code 6."""

    name: str
    text: str
    remarks: tuple[str, ...] = ()


def run_checks(warehouse: Warehouse, settings: IntercomSettings, workspace: str) -> Iterator[Finding]:
    """The requirements that are met, one after the other.

    Raises:
        WarehouseError, IntercomError: the first requirement that is not met.
    """
    check_purpose(warehouse, workspace)
    yield Finding("settings", f"version {settings.api_version} at {settings.url}")
    pacer = Pacer(settings.rate_limit_share)
    app, segments, contacts = asyncio.run(_access(settings, pacer))
    name = f" ({plainly(app.name)})" if app.name else ""
    yield Finding("token", f"belongs to workspace {app.id_code}{name}")
    yield Finding("scopes", f"{len(segments):,} segments and {contacts:,} contacts can be read")
    yield _followed(Selection(settings.include_segments or (), settings.exclude_segments or ()), segments)
    yield Finding("quota", f"{pacer.quota}; a sync uses at most {settings.rate_limit_share:.0%} of it")
    with warehouse.held(LockRequest("check", workspace)):
        yield Finding("lock", "free")
        yield Finding("warehouse", f"{warehouse.place} can be written")
        check_identity(app, settings, warehouse.pipeline(workspace))
        yield Finding("workspace", f"in region {settings.region}, as configured for pipeline {workspace}")


def _followed(selection: Selection, listed: Collection[Segment]) -> Finding:
    followed, remarks = selection.followed(listed), selection.notes(listed)
    return Finding("segments", f"{len(followed):,} of {len(listed):,} followed", tuple(remarks))


async def _access(settings: IntercomSettings, pacer: Pacer) -> tuple[App, list[Segment], int]:
    async with settings.client(pacer, Usage(), retries=FEW_RETRIES) as client:
        app = (await client.me()).app
        return app, await client.segments(), await count(client, everyone())
