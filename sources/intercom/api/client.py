"""HTTP to Intercom: requests, retries, errors. Knows nothing of dlt.

One call goes through `Intercom._call`: it waits for its turn, sends, reads the body, decodes it and only then counts as
answered, since an empty or cut 200 is seen nowhere earlier.
"""

import asyncio
import math
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import cycle
from math import ceil
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import stamina

from .answers import (
    Activities,
    ContactById,
    ContactSegments,
    Me,
    Page,
    RemovedContacts,
    Segment,
    SegmentList,
    without_nul,
)
from .errors import (
    QueryRefused,
    Refused,
    Unavailable,
    Unreadable,
    _cause,
    _faults,
    _in_intercoms_words,
    _is_version_refused,
    _next_step,
    _request_id,
    _TryAgain,
    unreadable,
)
from .rate_limit import Pacer, seconds_until

BASE_URLS = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}
PAGE_SIZE = 150
"""Contacts a page, Intercom's maximum."""
LANES = 24
"""Calls under way at once; more cost more than they bring."""
POOLS = 4
"""Pools that calls are dealt to in turn: httpcore looks at all connections of a pool for every call, a quarter of the
processor time with all lanes in one."""
HEADROOM = 1.5
"""So many times the calls under way that the rate needs on average: some answers take longer."""
TIMEOUT_SECONDS = 60.0

PASSING_STATUSES = (408, 409, 429, 500, 502, 503, 504)
"""Statuses that a later attempt may not meet again; Intercom's own clients retry the same ones."""

NOT_OFFERED = (400, 403, 404)
"""How Intercom says that a version, a plan or a token does not have an optional endpoint."""

Record = TypeVar("Record")
Answer = TypeVar("Answer")
JSON = dict[str, Any]


@dataclass(frozen=True)
class ContactStatus:
    """What became of a contact: `status` is present, archived, blocked, merged or deleted."""

    status: str
    merged_into: str | None = None
    updated_at: int | None = None


@dataclass(frozen=True)
class Retries:
    """How often a call is tried, and how long is waited between: exponential, with jitter, in seconds."""

    attempts: int = 8
    wait_initial: float = 0.5
    wait_max: float = 20.0
    wait_jitter: float = 1.0


PATIENT = Retries()
"""Outlasts an outage of about a minute."""


@dataclass
class Usage:
    """What was spent: calls answered by path, bytes received. `answered_at`: Intercom's clock at its first answer."""

    calls: Counter[str] = field(default_factory=Counter)
    bytes_received: int = 0
    answered_at: float | None = None


class Intercom:
    """One workspace's API. An asynchronous context manager; bound to the event loop it was entered in.

    Args:
        token: an access token of the workspace; never shown by anything here.
        version: the `Intercom-Version` sent with each call.
        pacer, usage: may be handed from one client to the next, to go on at the pace and with the sums already known.
        transport: replaces the network, for a workspace that lives in this process.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        version: str = "Preview",
        pacer: Pacer | None = None,
        usage: Usage | None = None,
        retries: Retries = PATIENT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.pacer = pacer or Pacer()
        self.usage = usage or Usage()
        self._version = version
        self._retries = retries
        self._lanes = asyncio.Semaphore(LANES)
        self._pools = [
            httpx.AsyncClient(
                base_url=self.base_url,
                headers={
                    "Authorization": f"Bearer {token}",
                    "Accept": "application/json",
                    "Intercom-Version": version,
                },
                verify=_trusted(),
                timeout=TIMEOUT_SECONDS,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=LANES),
                transport=transport,
            )
            for _ in range(1 if transport else POOLS)
        ]
        self._dealt = cycle(self._pools)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for pool in self._pools:
            await self._open.enter_async_context(pool)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.__aexit__(kind, error, trace)

    @property
    def breadth(self) -> int:
        """How many calls should be under way at once to use up our rate at the latency seen; `LANES` at first."""
        rate, latency = self.pacer.rate, self.pacer.latency
        if rate is None or latency is None:
            return LANES
        return min(max(math.ceil(HEADROOM * rate * latency), 2), LANES)

    async def me(self) -> Me:
        """The workspace that the token belongs to."""
        return await self._get("/me", Me)

    async def segments(self) -> list[Segment]:
        """All segments, with Intercom's own member counts. Intercom does not page this endpoint."""
        return (await self._get("/segments?include_count=true", SegmentList)).segments

    async def segment_exists(self, segment_id: str) -> bool | None:
        """Whether a segment can be found by its id; null where Intercom's answer settles neither."""
        try:
            response = await self._call("GET", f"/segments/{segment_id}", expected=(200, 404))
        except Refused:
            return None
        if response.status_code == httpx.codes.OK:
            return True
        return False if any(fault.code == "not_found" for fault in _faults(response)) else None

    async def segments_of(self, contact_id: str) -> set[str] | None:
        """Ids of the segments a contact is in; null where Intercom says that there is no such contact."""
        path = f"/contacts/{quote(contact_id, safe='')}/segments"
        response = await self._call("GET", path, label="/contacts/{id}/segments", expected=(200, 404, 410))
        if response.status_code == httpx.codes.OK:
            return {segment.id for segment in decode(response.content, ContactSegments).data}
        _confirm_gone(response)
        return None

    async def contact_status(self, contact_id: str) -> ContactStatus:
        """What became of a contact, asked by its id.

        Up to version 2.15 Intercom answers alike, 404, for a deleted contact and for one that was merged; from 2.16 on
        it tells a merged one apart. No document says how an archived contact answers: it is taken at its own word.
        """
        path = f"/contacts/{quote(contact_id, safe='')}"
        response = await self._call("GET", path, label="/contacts/{id}", expected=(200, 404, 410))
        if response.status_code == httpx.codes.OK:
            found = decode(response.content, ContactById)
            status = "archived" if found.archived else "blocked" if found.blocked else "present"
            return ContactStatus(status, updated_at=found.updated_at)
        _confirm_gone(response)
        if response.status_code == httpx.codes.GONE:
            return ContactStatus("merged", merged_into=_canonical(response))
        return ContactStatus("deleted")

    async def activities(self, after: str | None) -> Activities | None:
        """A page of the contacts' activity feed after a cursor; null where this version or token has no feed."""
        cursor = f"&starting_after={quote(after, safe='')}" if after else ""
        response = await self._call(
            "GET", f"/contacts/activities?per_page={PAGE_SIZE}{cursor}", expected=(200, *NOT_OFFERED)
        )
        return decode(response.content, Activities) if response.status_code == httpx.codes.OK else None

    async def removed_contacts(self, page: int) -> RemovedContacts | None:
        """A page of the contacts that are not active; null where this version or token has no such list."""
        response = await self._call(
            "GET", f"/contacts/deleted?per_page={PAGE_SIZE}&page={page}", expected=(200, *NOT_OFFERED)
        )
        return decode(response.content, RemovedContacts) if response.status_code == httpx.codes.OK else None

    async def search(self, query: JSON, *, sort: JSON, page: type[Page[Record]], pagination: JSON) -> Page[Record]:
        """One page of `POST /contacts/search`, decoded as `page`. It only reads, so it is retried like a GET."""
        body = {"query": query, "sort": sort, "pagination": pagination}
        return await self._read("POST", "/contacts/search", lambda answer: decode(answer.content, page), json=body)

    async def _get(self, path: str, shape: type[Record]) -> Record:
        return await self._read("GET", path, lambda answer: decode(answer.content, shape))

    async def _call(
        self, method: str, path: str, *, expected: tuple[int, ...], label: str | None = None
    ) -> httpx.Response:
        """An answer of one of several statuses, whatever its shape."""
        return await self._read(method, path, _whole, expected=expected, label=label)

    async def _read(
        self,
        method: str,
        path: str,
        read: Callable[[httpx.Response], Answer],
        *,
        json: JSON | None = None,
        expected: tuple[int, ...] = (200,),
        label: str | None = None,
    ) -> Answer:
        """Sends until an answer of an expected status could be read, or until trying again is pointless.

        `label` is the path as it is counted and told, where the path itself names a contact.
        """
        label = label or path.partition("?")[0]
        what = f"{method} {label}"
        try:
            async for attempt in stamina.retry_context(
                on=_backoff,
                attempts=self._retries.attempts,
                timeout=None,
                wait_initial=self._retries.wait_initial,
                wait_max=self._retries.wait_max,
                wait_jitter=self._retries.wait_jitter,
            ):
                with attempt:
                    response = await self._send(method, path, json, label)
                    return _understood(response, read, what, expected)
        except _TryAgain as error:
            raise Unavailable(
                f"{what} at {self.base_url} failed {self._retries.attempts} times, at last with: {error}. Nothing was "
                "changed; run the command again later. status.intercom.com tells whether Intercom has an outage.",
                request_id=error.request_id,
            ) from None
        raise AssertionError("the retry loop ends by returning or raising")

    async def _send(self, method: str, path: str, json: JSON | None, label: str) -> httpx.Response:
        headers: Mapping[str, str] | None = None
        async with self._lanes:
            sent_at = await self.pacer.wait()
            try:
                response = await next(self._dealt).request(method, path, json=json)
                headers = response.headers
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise _TryAgain(_cause(error)) from None
            finally:
                self.pacer.learn(headers, sent_at=sent_at)
        self._count(label, response)
        if any(fault.code == "rate_limit_exceeded" for fault in _faults(response)):
            self.pacer.wait_for_next_window()
        return response

    def _count(self, label: str, response: httpx.Response) -> None:
        self.usage.calls[label] += 1
        self.usage.bytes_received += len(response.content)
        if self.usage.answered_at is None and "date" in response.headers:
            self.usage.answered_at = parsedate_to_datetime(response.headers["date"]).timestamp()


class SharedClient:
    """One client for all who read at the same time: connected for the first of them, closed by the last."""

    def __init__(self, connect: Callable[[], Intercom]) -> None:
        self._connect = connect
        self._client: Intercom | None = None
        self._users = 0
        self._connecting = asyncio.Lock()

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[Intercom]:
        """The client, open while the block runs."""
        async with self._connecting:
            client = self._client = self._client or await self._connect().__aenter__()
            self._users += 1
        try:
            yield client
        finally:
            self._users -= 1
            if self._users == 0:
                self._client = None
                await client.__aexit__(None, None, None)


def unnoticed() -> None:
    """Notes no progress."""


async def each(
    ids: Iterable[str], question: Callable[[str], Awaitable[Answer]], advance: Callable[[], None] = unnoticed
) -> dict[str, Answer]:
    """The answer to a question about each id. As many are under way as a client has lanes, however many there are."""
    answers: dict[str, Answer] = {}
    waiting = iter(ids)

    async def ask_on() -> None:
        for one in waiting:
            answers[one] = await question(one)
            advance()

    async with asyncio.TaskGroup() as group:
        for _ in range(LANES):
            group.create_task(ask_on())
    return answers


async def gathered(questions: Iterable[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """All answers in order, asked for at once; the client's lanes keep them in bounds. The first failure ends all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(question) for question in questions]
    return [task.result() for task in tasks]


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that httpx trusts; reading them takes as long as a call."""
    return httpx.create_ssl_context()


def _backoff(error: Exception) -> bool | float:
    if not isinstance(error, _TryAgain):
        return False
    return True if error.wait_seconds is None else error.wait_seconds


def _understood(
    response: httpx.Response, read: Callable[[httpx.Response], Answer], what: str, expected: tuple[int, ...]
) -> Answer:
    status, is_whole = response.status_code, True
    if status in expected:
        try:
            return read(response)
        except msgspec.DecodeError:
            is_whole = False
        except Unreadable as error:
            error.request_id = _request_id(response)
            raise
    words, request_id = _in_intercoms_words(response), _request_id(response)
    if status in PASSING_STATUSES or not is_whole or not _is_json(response):
        raise _TryAgain(words, wait_seconds=_asked_wait(response), request_id=request_id)
    refusal = QueryRefused if _is_about_query(what, response) else Refused
    raise refusal(f"Intercom refused {what}: {words}. {_next_step(status, response)}", request_id=request_id)


def _whole(response: httpx.Response) -> httpx.Response:
    msgspec.json.decode(response.content, type=msgspec.Raw)
    return response


def _is_about_query(what: str, response: httpx.Response) -> bool:
    is_malformed = response.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY)
    return is_malformed and what.endswith("/search") and not _is_version_refused(response)


def _confirm_gone(response: httpx.Response) -> None:
    """Believes that a contact is gone only in Intercom's own words: a proxy's 404 says nothing of contacts."""
    if not any(fault.code in ("not_found", "contact_merged") for fault in _faults(response)):
        raise Unreadable(
            f"Intercom answered a question about one contact with {_in_intercoms_words(response)}, which this release "
            "cannot read. Nothing was changed. Look for a newer release, or report this message.",
            request_id=_request_id(response),
        )


def _canonical(response: httpx.Response) -> str | None:
    """The contact that a merged one became, from `Link: </contacts/{id}>; rel="canonical"`."""
    link = response.links.get("canonical", {}).get("url", "")
    return link.rpartition("/")[2] or None


def decode(sent: bytes, shape: type[Record]) -> Record:
    """JSON as a record, NUL characters replaced.

    Raises:
        msgspec.DecodeError: it is no JSON, or not all of it.
        Unreadable: it has another shape; the message names the place and the types, never a value.
    """
    try:
        return msgspec.json.decode(without_nul(sent), type=shape)
    except msgspec.ValidationError as error:
        raise unreadable(error) from None


def _is_json(response: httpx.Response) -> bool:
    try:
        _whole(response)
    except msgspec.DecodeError:
        return False
    return True


def _asked_wait(response: httpx.Response) -> float | None:
    """Seconds Intercom asked to wait: `Retry-After` if sent, else, after a 429, to the end of the quota's window."""
    headers = response.headers
    if (asked := headers.get("retry-after", "")).isdigit():
        return min(float(asked), 120.0)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS and "x-ratelimit-reset" in headers:
        return seconds_until(int(headers["x-ratelimit-reset"]), headers)
    return None


def page_calls(rows: int) -> int:
    """Calls that a search with that many rows takes: an empty one is asked for, too."""
    return max(1, ceil(rows / PAGE_SIZE))
