"""Intercom's endpoints, as far as they are read here."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import msgspec
from msgspec import Raw

from ..errors import Refused, Unavailable
from .answers import (
    UNREADABLE,
    Activities,
    ContactById,
    ContactSegments,
    Cursor,
    DataAttribute,
    DataAttributes,
    ExportJob,
    Me,
    Page,
    Pages,
    RemovedContacts,
    Segment,
    SegmentList,
)
from .client import JSON, Client
from .responses import absence_codes, decode, reports, whole

BASE_URLS = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}
PAGE_SIZE = 150
"""Contacts a page, Intercom's maximum."""
NOT_OFFERED = (400, 403, 404)
"""How Intercom answers where a version, a plan or a token lacks an optional endpoint."""

MOST_LIST_PAGES = 1_000
FLAWED_ATTEMPTS = 2
"""An answer of which something cannot be read is mostly as flawed at the next attempt."""

_CANONICAL = re.compile(r'/([^/<>\s]+)>\s*;\s*rel="?canonical\b')

OnFlaw = Callable[[], None]
Record = TypeVar("Record")
Listed = TypeVar("Listed", SegmentList, ContactSegments, DataAttributes)


@dataclass(frozen=True)
class ContactStatus:
    """What became of a contact: `status` is present, archived, blocked, merged, deleted or unknown."""

    status: str
    merged_into: str | None = None
    updated_at: int | None = None


@dataclass(frozen=True)
class SegmentStatus:
    """Whether Intercom has a segment: null if its answer proves neither. `definition`: as it is now, where shown."""

    exists: bool | None
    definition: Segment | None = None


@dataclass
class ContactMemberships:
    """The segments that a contact is in, or its tags. `is_whole`: nothing says that there are more."""

    group_ids: set[str] = field(default_factory=set)
    is_whole: bool = True

    def add(self, page: ContactSegments) -> None:
        """Adds a page. A total that disagrees with the pages so far is left to `close`."""
        self.group_ids |= {segment.id for segment in page.data}
        self._totals.add(page.total_count)
        self.is_whole &= not is_unfollowed(page.pages)

    def doubt(self) -> None:
        """Something of an answer could not be read: it may have been a segment."""
        self.is_whole = False

    def close(self) -> None:
        """Compares the totals with what came, after the last page."""
        self.is_whole &= self._totals <= {None, len(self.group_ids)}

    _totals: set[int | None] = field(default_factory=set, init=False, repr=False, compare=False)


class ExportCalls(Client):
    """What Intercom exports by jobs."""

    async def ask_for_export(self, path: str, asked: JSON) -> ExportJob | None:
        """Makes a job; null where as many are under way as Intercom makes at a time.

        It is tried once: Intercom may have made the job although no answer came.
        """

        def read(response: httpx.Response) -> ExportJob | None:
            return decode(response.content, ExportJob)[0] if response.status_code == httpx.codes.OK else None

        return await self._call("POST", path, read, json=asked, expected=(200, 429), attempts=1)

    async def export_job(self, path: str, job_id: str, asked: Mapping[str, str]) -> ExportJob | None:
        """The state of a job; null where Intercom does not know it, or not any more."""

        def read(response: httpx.Response) -> ExportJob | None:
            if response.status_code == httpx.codes.OK:
                return decode(response.content, ExportJob)[0]
            whole(response)
            return None

        here = _job_address(path, job_id, asked)
        return await self._call("GET", here, read, expected=(200, 404), label=f"{path}/{{id}}")

    async def download_export(self, path: str, job_id: str, asked: Mapping[str, str], file: Path) -> bool:
        """Writes what a job has exported to a file. Returns whether Intercom still has it."""
        return await self._download(_job_address(path, job_id, asked), file, label=f"{path}/{{id}}")


class Intercom(ExportCalls):
    """One workspace's API."""

    async def me(self) -> Me:
        return await self._call("GET", "/me", self._reader("/me", Me))

    async def segments(self) -> list[Segment]:
        """All segments, with Intercom's own member counts: each once, as last updated."""
        newest: dict[str, Segment] = {}
        async for page in self._pages("/segments", "/segments", SegmentList, {"include_count": "true"}):
            for one in page.segments:
                if one.id not in newest or one.updated_at > newest[one.id].updated_at:
                    newest[one.id] = one
        return list(newest.values())

    async def data_attributes(self, model: str) -> list[DataAttribute] | None:
        """The attributes of contacts or of companies, archived ones included; null where Intercom refuses the list.

        Each name comes once: an archived attribute leaves its name to a new one.
        """
        asked, listed = {"model": model, "include_archived": "true"}, list[DataAttribute]()
        try:
            async for page in self._pages("/data_attributes", "/data_attributes", DataAttributes, asked):
                listed += page.data
        except Refused:
            return None
        ordered = sorted(listed, key=lambda one: (not one.archived, one.updated_at or 0))
        return list({one.full_name: one for one in ordered}.values())

    async def segment_exists(self, segment_id: str) -> bool | None:
        """As `exists`."""
        return (await self.segment(segment_id)).exists

    async def segment(self, segment_id: str) -> SegmentStatus:
        """One segment, which need not be in the list. What is not understood of its definition is left out."""
        exists, body = await self._by_id("/segments/{id}", segment_id)
        try:
            definition = decode(body, Segment)[0] if exists else None
        except msgspec.DecodeError:
            definition = None
        return SegmentStatus(exists, definition if definition and definition.id == segment_id else None)

    async def exists(self, path: str, record_id: str) -> bool | None:
        """Whether there is a record at `path` with its id for `{id}`; null where Intercom's answer proves neither."""
        return (await self._by_id(path, record_id))[0]

    async def _by_id(self, path: str, record_id: str) -> tuple[bool | None, bytes]:
        """As `exists`, and what Intercom answered."""
        here = path.replace("{id}", quote(record_id, safe=""))
        try:
            response = await self._call("GET", here, whole, expected=(200, 404), label=path)
        except Refused:
            return None, b""
        if response.status_code == httpx.codes.OK:
            return True, response.content
        return False if reports(response, *absence_codes(path)) else None, response.content

    async def answer(
        self, path: str, *, label: str, body: JSON | None = None, attempts: int | None = None
    ) -> dict[str, Raw]:
        """The fields of an answer, each as its JSON. With a body it is that of a search, which only reads.

        Args:
            attempts: how often it is tried, if less often than other calls.
        """
        method, reader = "GET" if body is None else "POST", self._reader(label, dict[str, Raw])
        return await self._call(method, path, reader, json=body, label=label, attempts=attempts)

    async def segments_of(self, contact_id: str) -> ContactMemberships | None:
        """The segments a contact is in; null where Intercom says that there is no such contact."""
        return await self._groups_of(contact_id, "segments")

    async def tags_of(self, contact_id: str) -> ContactMemberships | None:
        """The tags that a contact has; null likewise."""
        return await self._groups_of(contact_id, "tags")

    async def _groups_of(self, contact_id: str, kind: str) -> ContactMemberships | None:
        found = ContactMemberships()
        path = f"/contacts/{quote(contact_id, safe='')}/{kind}"
        try:
            async for page in self._pages(path, f"/contacts/{{id}}/{kind}", ContactSegments, {}, found.doubt):
                found.add(page)
        except _NotThere as absent:
            if absent.is_certain:
                return None
            found.is_whole = False
        found.close()
        return found

    async def contact_status(self, contact_id: str) -> ContactStatus:
        """What became of a contact.

        Up to version 2.15 Intercom answers 404 for a deleted contact and for a merged one; from 2.16 on a merged one
        has its own status. How it answers for an archived contact is not documented: `archived` is believed.
        """
        path, label = f"/contacts/{quote(contact_id, safe='')}", "/contacts/{id}"
        try:
            found = await self._contact(path, label, ContactById)
        except _NotThere as absent:
            if not absent.is_certain:
                return ContactStatus("unknown")
            return ContactStatus("merged", absent.merged_into) if absent.is_merged else ContactStatus("deleted")
        if found.id is None:
            return ContactStatus("unknown")
        status = "archived" if found.archived else "blocked" if found.blocked else "present"
        return ContactStatus(status, updated_at=found.updated_at)

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
        return await self._call("POST", "/contacts/search", self._reader("/contacts/search", page), json=body)

    async def _pages(
        self, path: str, label: str, shape: type[Listed], asked: dict[str, str], on_flaw: OnFlaw | None = None
    ) -> AsyncIterator[Listed]:
        """All pages of a list, which is not paged as documented, and is followed if it is.

        Args:
            on_flaw: called for each page of which something cannot be read.

        Raises:
            Unavailable: a page came twice, or pages come without end.
        """
        seen = [dict[str, str]()]
        while len(seen) <= MOST_LIST_PAGES:
            query = urlencode(asked | seen[-1])
            page = await self._contact(f"{path}?{query}" if query else path, label, shape, on_flaw)
            yield page
            following = next_page(page.pages)
            if following is None:
                self.usage.flaws[f"{label} pages.next"] += is_unfollowed(page.pages)
                return
            if following in seen:
                break
            seen.append(following)
        raise Unavailable(
            f"GET {label} sends its pages without end: page {len(seen):,} leads to one that was read before, or is one "
            "too many. Nothing was changed. Run the command again later."
        )

    async def _contact(self, path: str, label: str, shape: type[Record], on_flaw: OnFlaw | None = None) -> Record:
        """A record that belongs to a contact or to the workspace.

        Raises:
            _NotThere: Intercom answers 404 or 410.
        """
        reader = self._reader(label, shape, on_flaw)

        def read(response: httpx.Response) -> Record:
            if response.status_code == httpx.codes.OK:
                return reader(response)
            raise _NotThere(whole(response))

        expected = (200, 404, 410) if "{id}" in label else (200,)
        return await self._call("GET", path, read, expected=expected, label=label)

    async def _optional(self, path: str, shape: type[Record]) -> Record | None:
        reader = self._reader(path.partition("?")[0], shape)

        def read(response: httpx.Response) -> Record | None:
            if response.status_code == httpx.codes.OK:
                return reader(response)
            whole(response)
            return None

        return await self._call("GET", path, read, expected=(200, *NOT_OFFERED))

    def _reader(
        self, label: str, shape: type[Record], on_flaw: OnFlaw | None = None
    ) -> Callable[[httpx.Response], Record]:
        """Reads the answers to one call. One with flaws is requested once more; then it is read without them."""
        attempts = 0

        def read(response: httpx.Response) -> Record:
            nonlocal attempts
            record, flaws = decode(response.content, shape)
            attempts += 1
            if flaws and attempts < FLAWED_ATTEMPTS:
                raise msgspec.DecodeError("some of it cannot be read")
            self.usage.flaws.update({f"{label} {place}": count for place, count in flaws.items()})
            if flaws and on_flaw:
                on_flaw()
            return record

        return read


class _NotThere(Exception):
    """Intercom has no such contact, if it says so itself: a proxy's 404 says nothing about contacts."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.is_certain = reports(response, *absence_codes("/contacts"), "contact_merged")
        self.is_merged = response.status_code == httpx.codes.GONE
        self.merged_into = _canonical(response)


def next_page(pages: Pages | None) -> dict[str, str] | None:
    """The query of the next page; null on the last page, and where the next one cannot be followed.

    Of a URL only the query counts: a token must not be sent to another host.
    """
    following = pages.next if pages else None
    if isinstance(following, Cursor):
        if following.starting_after:
            return {"starting_after": following.starting_after}
        return {"page": str(following.page)} if following.page is not None else None
    if isinstance(following, int):
        return {"page": str(following)}
    query = parse_qs(urlsplit(following or "").query)
    return {name: query[name][0] for name in ("starting_after", "page", "before") if name in query} or None


def is_unfollowed(pages: Pages | None) -> bool:
    """Whether there may be a next page that cannot be followed."""
    following = pages.next if pages else None
    return following == Cursor(UNREADABLE) or (isinstance(following, str) and next_page(pages) is None)


def _job_address(path: str, job_id: str, asked: Mapping[str, str]) -> str:
    here = f"{path}/{quote(job_id, safe='')}"
    return f"{here}?{urlencode(asked)}" if asked else here


def page_calls(rows: int) -> int:
    """Calls that a search with that many rows takes: an empty one takes a call, too."""
    return max(1, ceil(rows / PAGE_SIZE))


def _canonical(response: httpx.Response) -> str | None:
    """The contact that a merged one became, from `Link: </contacts/{id}>; rel="canonical"`."""
    canonical = _CANONICAL.search(response.headers.get("link", ""))
    return canonical[1] if canonical else None
