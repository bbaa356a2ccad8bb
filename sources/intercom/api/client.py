"""HTTP to Intercom: the quota, retries, connections. Knows nothing of endpoints or dlt.

An attempt waits for the quota, sends, reads the body and decodes it, and only then counts as answered: an empty or cut
200 is not detected any earlier.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import stamina

from ..errors import IntercomError, OutOfBounds, SetupError, TryAgain, Unavailable
from ..wire import (
    Flaws,
    UnusableVariable,
    date,
    is_untrusted,
    plainly,
    proxy_routes,
    trusted_certificates,
)
from .bounds import BOUNDS, Bounds, received, stored
from .rate_limit import Pacer
from .responses import reports, request_id, understood, whole

LANES = 48
"""Most calls under way at once; more cost more than they bring. Each has an httpx client, and so a connection pool, of
its own: for each call httpcore scans all connections of a pool."""
HEADROOM = 1.5
"""Calls under way, as a multiple of what the rate needs on average: some answers take longer."""
TIMEOUT_SECONDS = 60.0

Answer = TypeVar("Answer")
JSON = dict[str, Any]


@dataclass(frozen=True)
class Retries:
    """How often a call is tried, and the seconds between attempts: exponential, with jitter."""

    attempts: int = 8
    wait_initial: float = 0.5
    wait_max: float = 20.0
    wait_jitter: float = 1.0


PATIENT = Retries()
"""Outlasts an outage of about a minute."""


@dataclass
class Usage:
    """Answered calls by path, and bytes received. `answered_at` is the `Date` of Intercom's first answer.

    `flaws` counts what could not be read, by path and field: a run with any is incomplete.
    """

    calls: Counter[str] = field(default_factory=Counter)
    bytes_received: int = 0
    answered_at: float | None = None
    flaws: Flaws = field(default_factory=Flaws)


class Client:
    """Sends calls to one workspace. An asynchronous context manager, bound to the event loop it was entered in.

    Args:
        token: an access token of the workspace; it appears in no message.
        version: the `Intercom-Version` sent with each call.
        pacer, usage: pass those of an earlier client to continue its pace and its sums.
        transport: replaces the network, for a workspace in this process.
        bounds: how long and how large an answer may be.
        until: no call starts after this time of the monotonic clock; null for no such time.
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
        bounds: Bounds = BOUNDS,
        until: float | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.pacer = pacer or Pacer()
        self.usage = usage or Usage()
        self._retries = retries
        self._bounds = bounds
        self._until = until
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "Intercom-Version": version}
        self._new_lane = partial(_lane, self.base_url, headers, transport)
        self._idle = [self._new_lane()]  # the last one was used last, so its connection is open
        self._lanes = asyncio.Semaphore(LANES)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        async with AsyncExitStack() as closing:
            for lane in self._idle:
                closing.push_async_callback(lane.aclose)

    @property
    def breadth(self) -> int:
        """How many calls under way at once use up our rate at the measured latency; `LANES` at first."""
        rate, latency = self.pacer.rate, self.pacer.latency
        if rate is None or latency is None:
            return LANES
        return min(max(math.ceil(HEADROOM * rate * latency), 2), LANES)

    async def _call(
        self,
        method: str,
        path: str,
        read: Callable[[httpx.Response], Answer],
        *,
        json: JSON | None = None,
        expected: Collection[int] = (200,),
        label: str | None = None,
        attempts: int | None = None,
    ) -> Answer:
        """Sends until a response of an expected status is read, or until another attempt is pointless.

        Args:
            label: the path for counters and messages, where the path itself names a contact.
            attempts: at most, if less than those of `retries`.
        """
        label = label or path.partition("?")[0]
        call = f"{method} {label}"

        async def send(lane: httpx.AsyncClient) -> httpx.Response:
            return await received(lane, method, path, json, self._bounds)

        async def attempt() -> Answer:
            response = await self._send(send, label)
            if httpx.codes.TOO_MANY_REQUESTS not in expected:
                self._keep_quota(response)
            return understood(response, read, call=call, expected=expected)

        return await self._patiently(call, attempt, attempts)

    async def _download(self, path: str, file: Path, *, label: str) -> bool:
        """Writes the body of a download to a file. Returns whether there is one, by Intercom's own answer."""
        call = f"GET {label}"

        async def send(lane: httpx.AsyncClient) -> httpx.Response:
            return await stored(lane, path, file)

        def is_there(response: httpx.Response) -> bool:
            if response.status_code == httpx.codes.OK:
                return True
            whole(response)
            return False

        async def attempt() -> bool:
            response = await self._send(send, label)
            self._keep_quota(response)
            return understood(response, is_there, call=call, expected=(200, 404))

        return await self._patiently(call, attempt, None)

    async def _patiently(self, call: str, act: Callable[[], Awaitable[Answer]], attempts: int | None) -> Answer:
        """The answer of the first attempt that succeeds.

        Args:
            attempts: at most, if less than those of `retries`.
        """
        backoff = Backoff(self._bounds.attempts)
        try:
            async for attempt in stamina.retry_context(
                on=backoff,
                attempts=min(attempts or self._retries.attempts, self._retries.attempts),
                timeout=None,
                wait_initial=self._retries.wait_initial,
                wait_max=self._retries.wait_max,
                wait_jitter=self._retries.wait_jitter,
            ):
                with attempt:
                    return await act()
        except TryAgain as error:
            raise Unavailable(
                f"{call} at {self.base_url} failed {backoff.failures} times. The last attempt: {error}. Nothing "
                "was changed. Check status.intercom.com for an outage, and run the command again later.",
                request_id=error.request_id,
            ) from None
        raise AssertionError("the retry loop ends by returning or raising")

    async def _send(self, send: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]], label: str) -> httpx.Response:
        headers: Mapping[str, str] | None = None
        async with self._lanes:
            sent_at = await self.pacer.wait()
            self._check_time(sent_at)
            lane = self._idle.pop() if self._idle else self._new_lane()
            try:
                response = await send(lane)
                headers = response.headers
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise _failure(error, self.base_url) from None
            finally:
                self._idle.append(lane)
                self.pacer.learn(headers, sent_at=sent_at)
        self._count(label, response)
        if self.pacer.limit == 0:
            raise Unavailable(
                "Intercom grants this workspace no calls: its answers say X-RateLimit-Limit: 0. Nothing was changed. "
                "Run the command again later, or ask Intercom's support about the workspace's rate limit.",
                request_id=request_id(response),
            )
        return response

    def _keep_quota(self, response: httpx.Response) -> None:
        """Lets no call pass until the window ends, where Intercom has refused one.

        Exports are refused with the same code for their own limit. That says nothing about the quota.
        """
        if reports(response, "rate_limit_exceeded"):
            self.pacer.wait_for_next_window()

    def _check_time(self, sent_at: float) -> None:
        if self._until is None or time.monotonic() < self._until:
            return
        self.pacer.learn(None, sent_at=sent_at)
        raise Unavailable(
            "The run has used up the time that --within gives it. Nothing was changed, except that the finished parts "
            "of a first load or of a backfill stay. Run the command again to continue."
        )

    def _count(self, label: str, response: httpx.Response) -> None:
        self.usage.calls[label] += 1
        self.usage.bytes_received += len(response.content)
        if self.usage.answered_at is None:
            self.usage.answered_at = date(response.headers)


def _lane(url: str, headers: Mapping[str, str], transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    """Raises SetupError where an environment variable of the network cannot be used."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=1)
    try:
        return httpx.AsyncClient(
            base_url=url,
            headers=headers,
            verify=trusted_certificates(),
            timeout=TIMEOUT_SECONDS,
            limits=limits,
            transport=transport,
            mounts=None if transport else proxy_routes(url, limits),
            trust_env=False,  # it is read by those two functions
        )
    except UnusableVariable as error:
        raise SetupError(str(error)) from None


class Backoff:
    """Whether a failure is worth another attempt of one call, and after how long.

    Args:
        out_of_bounds: attempts that may break the bounds; each may have taken minutes.
    """

    def __init__(self, out_of_bounds: int) -> None:
        self.failures = 0
        self._left = out_of_bounds

    def __call__(self, error: Exception) -> bool | float:
        if not isinstance(error, TryAgain):
            return False
        self.failures += 1
        self._left -= isinstance(error, OutOfBounds)
        if not self._left:
            return False
        return True if error.wait_seconds is None else error.wait_seconds


def _failure(error: httpx.RequestError, url: str) -> TryAgain | IntercomError:
    """What follows from an error of the network: another attempt, or a change of the setup."""
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return SetupError(
            "A call could not be sent, since a setting holds a character or an address that HTTP does not allow. Check "
            "SOURCES__INTERCOM__ACCESS_TOKEN, SOURCES__INTERCOM__API_VERSION and SOURCES__INTERCOM__BASE_URL."
        )
    if is_untrusted(error):
        return SetupError(
            f"The certificate of {url} is not trusted, so nothing was sent. Check the address. If a proxy or firewall "
            "of your network answers there, put its certificate into a file, and the file's path into SSL_CERT_FILE."
        )
    return TryAgain(_cause(error))


def _cause(error: httpx.RequestError) -> str:
    """What a network error was. Only of a failed connection the text is repeated: others may quote what was sent."""
    causes = {
        httpx.ConnectError: "no connection could be made",
        httpx.TimeoutException: "no answer in time",
        httpx.RemoteProtocolError: "the answer was cut off",
    }
    cause = next((cause for kind, cause in causes.items() if isinstance(error, kind)), "the connection failed")
    details = f": {plainly(str(error))}" if isinstance(error, httpx.ConnectError) and str(error) else ""
    return f"{cause} ({type(error).__name__}{details})"
