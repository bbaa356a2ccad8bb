"""What goes wrong between the client and Intercom: one exception for each reaction of the caller."""

from collections.abc import Iterable


class IntercomError(Exception):
    """The base class. Messages end with what to do next.

    `request_id` is Intercom's for the failed call, where it sent one: its support can find the call by it.
    """

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id


class Refused(IntercomError):
    """Intercom understood and said no (token, scope, plan, version): trying again will not help.

    `answer` is the status with Intercom's errors, for messages; `codes` are their codes.
    """

    def __init__(
        self, message: str, *, request_id: str | None = None, answer: str = "", codes: Iterable[str] = ()
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.answer, self.codes = answer, frozenset(codes)


class QueryRefused(Refused):
    """Search does not support a field or an operator: the question needs another endpoint."""


class SetupError(IntercomError):
    """A setting, the token's workspace, the clock or the destination has to change first. Nothing was written."""


class Unavailable(IntercomError):
    """Intercom or the network did not answer properly, retries included: try again later."""


class TryAgain(Exception):
    """One attempt failed, and the next may succeed. `wait_seconds` is how long Intercom asked to wait, if it did."""

    def __init__(self, problem: str, *, wait_seconds: float | None = None, request_id: str | None = None) -> None:
        super().__init__(problem)
        self.wait_seconds, self.request_id = wait_seconds, request_id


class OutOfBounds(TryAgain):
    """One attempt took too long or sent too much: tried again less often than other failures."""
