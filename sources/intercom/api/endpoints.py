"""Intercom's endpoints, as far as they are read here."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeVar
from urllib.parse import quote

import httpx

from .answers import Activities, ContactById, ContactSegments, Me, Page, RemovedContacts, Segment, SegmentList
from .client import JSON, Client
from .errors import Refused, Unreadable
from .responses import decode, describe, reports, request_id, whole

BASE_URLS = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}
PAGE_SIZE = 150
"""Contacts a page, Intercom's maximum."""
NOT_OFFERED = (400, 403, 404)
"""How Intercom answers where a version, a plan or a token lacks an optional endpoint."""

Record = TypeVar("Record")


@dataclass(frozen=True)
class ContactStatus:
    """What became of a contact: `status` is present, archived, blocked, merged or deleted."""

    status: str
    merged_into: str | None = None
    updated_at: int | None = None


class Intercom(Client):
    """One workspace's API."""

    async def me(self) -> Me:
        return await self._call("GET", "/me", _decoder(Me))

    async def segments(self) -> list[Segment]:
        """All segments, with Intercom's own member counts. Intercom does not page this endpoint."""
        return (await self._call("GET", "/segments?include_count=true", _decoder(SegmentList))).segments

    async def segment_exists(self, segment_id: str) -> bool | None:
        """Null where Intercom's answer proves neither."""
        try:
            response = await self._call("GET", f"/segments/{segment_id}", whole, expected=(200, 404))
        except Refused:
            return None
        if response.status_code == httpx.codes.OK:
            return True
        return False if reports(response, "not_found") else None

    async def segments_of(self, contact_id: str) -> set[str] | None:
        """Ids of the segments a contact is in; null where Intercom says that there is no such contact."""
        response = await self._contact(contact_id, "/segments")
        if response.status_code == httpx.codes.OK:
            return {segment.id for segment in decode(response.content, ContactSegments).data}
        _require_removal(response)
        return None

    async def contact_status(self, contact_id: str) -> ContactStatus:
        """What became of a contact.

        Up to version 2.15 Intercom answers 404 for a deleted contact and for a merged one; from 2.16 on a merged one
        has its own status. How it answers for an archived contact is not documented: `archived` is believed.
        """
        response = await self._contact(contact_id)
        if response.status_code == httpx.codes.OK:
            found = decode(response.content, ContactById)
            status = "archived" if found.archived else "blocked" if found.blocked else "present"
            return ContactStatus(status, updated_at=found.updated_at)
        _require_removal(response)
        if response.status_code == httpx.codes.GONE:
            return ContactStatus("merged", merged_into=_canonical(response))
        return ContactStatus("deleted")

    async def activities(self, after: str | None) -> Activities | None:
        """A page of the contacts' activity feed after a cursor; null where this version or token has no feed."""
        cursor = f"&starting_after={quote(after, safe='')}" if after else ""
        return await self._optional(f"/contacts/activities?per_page={PAGE_SIZE}{cursor}", Activities)

    async def removed_contacts(self, page: int) -> RemovedContacts | None:
        """A page of the contacts that are not active; null where this version or token has no such list."""
        return await self._optional(f"/contacts/deleted?per_page={PAGE_SIZE}&page={page}", RemovedContacts)

    async def search(self, query: JSON, *, sort: JSON, page: type[Page[Record]], pagination: JSON) -> Page[Record]:
        """One page of `POST /contacts/search`, decoded as `page`. It only reads, so it is retried like a GET."""
        body = {"query": query, "sort": sort, "pagination": pagination}
        return await self._call("POST", "/contacts/search", _decoder(page), json=body)

    async def _contact(self, contact_id: str, suffix: str = "") -> httpx.Response:
        path = f"/contacts/{quote(contact_id, safe='')}{suffix}"
        return await self._call("GET", path, whole, expected=(200, 404, 410), label=f"/contacts/{{id}}{suffix}")

    async def _optional(self, path: str, shape: type[Record]) -> Record | None:
        response = await self._call("GET", path, whole, expected=(200, *NOT_OFFERED))
        return decode(response.content, shape) if response.status_code == httpx.codes.OK else None


def page_calls(rows: int) -> int:
    """Calls that a search with that many rows takes: an empty one takes a call, too."""
    return max(1, ceil(rows / PAGE_SIZE))


def _decoder(shape: type[Record]) -> Callable[[httpx.Response], Record]:
    return lambda response: decode(response.content, shape)


def _require_removal(response: httpx.Response) -> None:
    """Accepts only Intercom's own errors as proof of a removal: a proxy's 404 says nothing about contacts."""
    if not reports(response, "not_found", "contact_merged"):
        raise Unreadable(
            f"Intercom answered a lookup of one contact with {describe(response)}, which this release cannot read.",
            request_id=request_id(response),
        )


def _canonical(response: httpx.Response) -> str | None:
    """The contact that a merged one became, from `Link: </contacts/{id}>; rel="canonical"`."""
    link = response.links.get("canonical", {}).get("url", "")
    return link.rpartition("/")[2] or None
