"""One writer at a time: the lock in the data folder, who holds it, and how long others wait for it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
from filelock import FileLock, Timeout

from ..errors import Busy
from ..messages import duration_text, utc_text

AT_ONCE = timedelta()
POLL_SECONDS = 0.5

Outcome = TypeVar("Outcome")


def _silently(_: str) -> None:
    """Says nothing."""


class LockRequest:
    """A command that wants a workspace's warehouse, and how long it waits until others let go of it, from now on.

    Without arguments it is nobody in particular, who does not wait.

    Args:
        say: told, once for each, who is waited for.
        sleep, monotonic: the clock that it waits by, in seconds.
    """

    def __init__(
        self,
        command: str | None = None,
        workspace: str | None = None,
        *,
        wait: timedelta = AT_ONCE,
        say: Callable[[str], None] = _silently,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.command, self.workspace = command, workspace
        self._say, self._sleep, self._monotonic = say, sleep, monotonic
        self._until = monotonic() + wait.total_seconds()

    def patiently(self, act: Callable[[], Outcome], at_least: timedelta = AT_ONCE) -> Outcome:
        """What an act comes to that may be `Busy` at first: tried again as long as this waits, or `at_least` so long.

        Raises:
            Busy: it still was when the time was over.
        """
        until = max(self._until, self._monotonic() + at_least.total_seconds())
        is_told = False
        while True:
            try:
                return act()
            except Busy as busy:
                if (left := until - self._monotonic()) <= 0:
                    raise
                if not is_told:
                    self._say(f"Waiting {duration_text(left)} at most: {busy.who}")
                is_told = True
            self._sleep(min(POLL_SECONDS, left))


class Holder(msgspec.Struct):
    """The process that holds the lock, as it described itself. If it is not alive, it was killed."""

    pid: int
    command: str | None
    workspace: str | None
    since: datetime
    is_alive: bool = True

    def __post_init__(self) -> None:
        self.is_alive = is_alive(self.pid)  # checked again each time the description is read

    def __str__(self) -> str:
        run = f"A run of {self.command}" if self.command else "Another run"
        return f"{run}{f' for workspace {self.workspace}' if self.workspace else ''} (process {self.pid})"


class Lock:
    """The lock of one data folder. Beside it the one who holds it writes who that is.

    The operating system frees the lock of a process that ends, however it does. Its words may stay, so they are no more
    than words: they say who holds the lock where somebody does, and never whether.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._words = folder / "lock.holder"  # not the lock itself, which is emptied by everybody who tries it

    @contextmanager
    def held(self, request: LockRequest) -> Iterator[None]:
        """The lock, for the time of the block.

        Raises:
            Busy: somebody else holds it for longer than the claim waits.
        """
        lock = FileLock(self._folder / "lock", mode=0o600)
        request.patiently(lambda: self._acquire(lock))
        try:
            self._write(Holder(os.getpid(), request.command, request.workspace, datetime.now(UTC)))
            yield
        finally:
            self._words.unlink(missing_ok=True)
            lock.release()

    def last_holder(self) -> Holder | None:
        """The holder, or the last one if that was killed; null where neither has left a description."""
        try:
            return msgspec.json.decode(self._words.read_bytes(), type=Holder)
        except (OSError, msgspec.MsgspecError):
            return None

    def _acquire(self, lock: FileLock) -> None:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise Busy(
                self._told(), "Run the command again when it is done, or let it wait for that: --wait 10m."
            ) from None

    def _told(self) -> str:
        """Who holds the lock, as a sentence."""
        holder = self.last_holder()
        if holder and holder.is_alive:
            return f"{holder} has held the warehouse in {self._folder} since {utc_text(holder.since)} UTC."
        return f"Another run holds the warehouse in {self._folder}."

    def _write(self, holder: Holder) -> None:
        unfinished = self._words.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(msgspec.json.encode(holder))
        unfinished.rename(self._words)


def is_alive(pid: int) -> bool:
    """Whether there is such a process on this host, whoever's it is, as far as that can be asked."""
    if os.name != "posix":  # elsewhere any signal ends a process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
