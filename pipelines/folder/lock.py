"""One writer at a time: the lock of a data folder, its holder, and how long others wait for it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
from filelock import FileLock, Timeout

from ..errors import Busy
from ..messages import duration_text, utc_text
from .file_modes import without_links, write_own

AT_ONCE = timedelta()
POLL_SECONDS = 0.5
PROBE_SECONDS = 0.2
"""More than a reader takes to ask whether the lock is held."""

Result = TypeVar("Result")


def _silently(_: str) -> None:
    """Reports nothing."""


class LockRequest:
    """A command that needs the warehouse of a workspace. Without arguments it is anonymous and does not wait.

    Args:
        wait: how long to retry, counted from now.
        say: called once for each lock that is busy, with its holder.
        sleep, monotonic: the clock to wait by, in seconds.
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
        self._deadline = monotonic() + wait.total_seconds()

    def retry_while_busy(self, act: Callable[[], Result], at_least: timedelta = AT_ONCE) -> Result:
        """Calls `act` until it no longer raises `Busy`, for as long as this request waits, or for `at_least`.

        A loop of its own: stamina takes neither a clock nor a sleep, and would report each poll as a retried API call.

        Raises:
            Busy: `act` still raised it at the deadline.
        """
        deadline = max(self._deadline, self._monotonic() + at_least.total_seconds())
        has_reported = False
        while True:
            try:
                return act()
            except Busy as busy:
                if (left := deadline - self._monotonic()) <= 0:
                    raise
                if not has_reported:
                    self._say(f"Waiting {duration_text(left)} at most: {busy.who}")
                has_reported = True
            self._sleep(min(POLL_SECONDS, left))


class Holder(msgspec.Struct):
    """The process that holds the lock, as it described itself. If it is not alive, it was killed.

    The process id may be one of another container. So whether it is alive is not asked of it, but of the lock.
    """

    pid: int
    command: str | None
    workspace: str | None
    since: datetime
    is_alive: bool = True

    def __str__(self) -> str:
        run = f"A run of {self.command}" if self.command else "Another run"
        return f"{run}{f' for workspace {self.workspace}' if self.workspace else ''} (process {self.pid})"


class Lock:
    """The lock of one data folder, and a file beside it in which its holder describes itself.

    The operating system frees the lock when its process ends, even when it is killed. The description may stay. So it
    says which process holds the lock, but never whether one does.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._description = folder / "lock.holder"  # not the lock itself: each attempt to acquire that empties it

    @contextmanager
    def held(self, request: LockRequest) -> Iterator[None]:
        """Holds the lock for the block.

        Raises:
            Busy: another process holds it for longer than the request waits.
        """
        lock = FileLock(self._folder / "lock", mode=0o600)
        request.retry_while_busy(lambda: self._acquire(lock))
        try:
            self._describe(Holder(os.getpid(), request.command, request.workspace, datetime.now(UTC)))
            yield
        finally:
            self._description.unlink(missing_ok=True)
            lock.release()

    def last_holder(self) -> Holder | None:
        """The holder, or the last one if that was killed; null where neither has left a description."""
        try:
            holder = msgspec.json.decode(self._description.read_bytes(), type=Holder)
        except (OSError, msgspec.MsgspecError):
            return None
        holder.is_alive = self.is_held
        return holder

    @property
    def is_held(self) -> bool:
        """Whether a process holds the lock, in this container or another. Always true where that cannot be asked.

        The question itself holds the lock very briefly, shared with others who ask.
        """
        try:
            probe = without_links(str(self._folder / "lock"), os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        try:
            return not _is_shareable(probe)
        finally:
            os.close(probe)

    def _acquire(self, lock: FileLock) -> None:
        with suppress(Timeout):
            lock.acquire(timeout=0)
            return
        if not self.is_held:  # another process only asked
            with suppress(Timeout):
                lock.acquire(timeout=PROBE_SECONDS, poll_interval=PROBE_SECONDS / 20)
                return
        raise Busy(self._busy_message(), "Run the command again when it is done, or let it wait for that: --wait 10m.")

    def _busy_message(self) -> str:
        holder = self.last_holder()
        if holder and holder.is_alive:
            return f"{holder} has held the warehouse in {self._folder} since {utc_text(holder.since)} UTC."
        return f"Another run holds the warehouse in {self._folder}."

    def _describe(self, holder: Holder) -> None:
        unfinished = self._description.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        write_own(unfinished, msgspec.json.encode(holder))
        unfinished.rename(self._description)


def _is_shareable(lock: int) -> bool:
    """Whether no process holds this open file's lock for itself."""
    if os.name != "posix":
        return False
    import fcntl  # other systems do not have it

    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
