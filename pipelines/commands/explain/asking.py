"""Asks Intercom what it says now of a contact, and compares that with the story."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
import msgspec

from sources.intercom.api import PATIENT, App, ContactMemberships, ContactStatus, Pacer, Retries, Usage
from sources.intercom.memberships import Clock
from sources.intercom.readings import check_workspace
from sources.intercom.settings import IntercomSettings

from ...clock import utc_now
from ...errors import Misconfigured
from ...settings import DEMO_WORKSPACE
from .story import Explained, IntercomNow, SegmentStory

PRESENT = "present"
EXCLUDED = "excluded"


@dataclass(frozen=True)
class Question:
    """Three calls: whose the token is, what became of the contact, and which segments it is in."""

    settings: IntercomSettings
    clock: Clock = utc_now
    transport: httpx.AsyncBaseTransport | None = None
    retries: Retries = PATIENT

    def answered(self, explained: Explained) -> Explained:
        """The story with Intercom's answer. Nothing is written.

        Raises:
            SetupError: the token belongs to another workspace.
            IntercomError: Intercom did not answer.
        """
        app, status, found = asyncio.run(self._ask(explained.contact.contact_id))
        self.settings.check_region(app)
        check_workspace(app.id_code, explained.workspace_id, explained.workspace)
        now = _now(self.clock(), status, found, explained.segments)
        segments = tuple(_compared(one, now) for one in explained.segments)
        return msgspec.structs.replace(explained, now=now, segments=segments)

    async def _ask(self, contact_id: str) -> tuple[App, ContactStatus, ContactMemberships | None]:
        pacer = Pacer(self.settings.rate_limit_share)
        async with self.settings.client(pacer, Usage(), retries=self.retries, transport=self.transport) as client:
            app = (await client.me()).app
            status = await client.contact_status(contact_id)
            return app, status, await client.segments_of(contact_id) if status.status == PRESENT else None


def real_workspace(explained: Explained) -> str:
    """The name here of the workspace to ask.

    Raises:
        Misconfigured: it is the demo's.
    """
    if explained.workspace == DEMO_WORKSPACE:
        raise Misconfigured(
            "The demo's workspace was only simulated, so Intercom cannot be asked about it. Run the command without "
            "--ask."
        )
    return explained.workspace


def _now(
    at: datetime, status: ContactStatus, found: ContactMemberships | None, stories: Sequence[SegmentStory]
) -> IntercomNow:
    """A removed contact is in no segment. Where Intercom does not say what became of it, nothing is known."""
    ids = found.group_ids if found else set[str]()
    is_whole = found.is_whole if found else status.status not in (PRESENT, "unknown")
    seen = {one.segment_id for one in stories if one.spells}
    return IntercomNow(at, status.status, status.merged_into, tuple(sorted(ids)), tuple(sorted(ids - seen)), is_whole)


def _compared(story: SegmentStory, now: IntercomNow) -> SegmentStory:
    is_in = story.segment_id in now.segment_ids
    return msgspec.structs.replace(story, in_intercom=is_in if is_in or now.is_whole else None)
