"""Sends a notice to receivers that may be dead, slow or hostile: none of them can do more than cost some seconds.

Nothing of an answer is read but its status, and no error's text is kept: it may quote the address, which is a secret.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit

from sources.intercom.wire import trusted_certificates

SENT = range(200, 300)
REDIRECTS = range(300, 400)
WORTH_RETRYING = frozenset((408, 429, *range(500, 600)))


@dataclass(frozen=True)
class Patience:
    """How much time receivers get, in seconds. `deadline` is for all attempts; receivers are served in parallel."""

    timeout: float = 5
    attempts: int = 3
    pause: float = 1
    deadline: float = 15


PATIENT = Patience()


class Sent(NamedTuple):
    """A receiver, as it may be shown, and why it has not got the body; null if it has."""

    receiver: str
    problem: str | None


def send(urls: Iterable[str], body: bytes, exit_code: int, patience: Patience = PATIENT) -> list[Sent]:
    """Posts to all receivers, in parallel."""
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(logging.WARNING)  # they log addresses
    posts = [_Post(url.replace("{exit_code}", str(exit_code)), body, patience) for url in urls]
    until = time.monotonic() + patience.deadline
    for post in posts:
        post.start()
    for post in posts:
        post.join(max(0, until - time.monotonic()))
    return [Sent(shown(post.url), post.problem) for post in posts]


def shown(url: str) -> str:
    """An address without its user, password, path and query."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}/…"


class _Post(Thread):
    """The attempts at one receiver. It is left behind at the deadline: a receiver can send a byte now and then."""

    def __init__(self, url: str, body: bytes, patience: Patience) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.problem: str | None = "it did not answer in time"
        self._body, self._patience = body, patience

    def run(self) -> None:
        for problem in self._attempts():
            self.problem = problem

    def _attempts(self) -> Iterator[str | None]:
        """The result of each attempt, until one needs no other."""
        for attempt in range(self._patience.attempts):
            time.sleep(self._patience.pause * attempt)
            try:
                status = self._status()
            except Exception as error:  # noqa: BLE001  # the text of any of them may quote the address
                yield f"the connection failed ({type(error).__name__})"
                continue
            yield _problem(status)
            if status not in WORTH_RETRYING:
                return

    def _status(self) -> int:
        import httpx  # few commands notify, and its import takes a tenth of a second

        verify = trusted_certificates() if self.url.startswith("https:") else True
        headers = {"Content-Type": "application/json", "User-Agent": "intercom-warehouse"}
        with (
            httpx.Client(verify=verify, timeout=self._patience.timeout, follow_redirects=False) as client,
            client.stream("POST", self.url, content=self._body, headers=headers) as answer,
        ):
            return answer.status_code


def _problem(status: int) -> str | None:
    if status in SENT:
        return None
    redirect = ", a redirect, which is not followed" if status in REDIRECTS else ""
    return f"it answered HTTP {status}{redirect}"
