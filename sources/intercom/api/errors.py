"""What goes wrong between the client and Intercom: one exception for each reaction."""

import httpx
import msgspec


class IntercomError(Exception):
    """Base of what goes wrong between us and Intercom; the message ends with what to do next.

    `request_id` is Intercom's for the call that failed, where it gave one: its support can look that call up.
    """

    def __init__(self, words: str, *, request_id: str | None = None) -> None:
        super().__init__(words)
        self.request_id = request_id


class Refused(IntercomError):
    """Intercom understood and said no (token, scope, plan, version): trying again will not help."""


class QueryRefused(Refused):
    """Intercom does not know a field or an operator of a search: what was asked has to be found out another way."""


class SetupError(IntercomError):
    """A setting, the token's workspace, the clock or the destination has to change first. Nothing was written."""


class Unavailable(IntercomError):
    """Intercom or the network did not answer properly, retries included: try again later."""


class Unreadable(IntercomError):
    """Intercom answered in a shape that this release does not know: it needs a newer release."""


class _TryAgain(Exception):
    """One attempt failed in a way that may pass. `wait_seconds` is what Intercom asked for, if it did."""

    def __init__(self, what: str, *, wait_seconds: float | None = None, request_id: str | None = None) -> None:
        super().__init__(what)
        self.wait_seconds, self.request_id = wait_seconds, request_id


def _is_version_refused(response: httpx.Response) -> bool:
    return any(fault.code == "intercom_version_invalid" for fault in _faults(response))


def unreadable(error: msgspec.ValidationError) -> Unreadable:
    """The same in words for the user; like msgspec's it holds no value."""
    return Unreadable(
        f"Intercom's answer has a shape that this release cannot read: {error}. Nothing was changed. Look for a newer "
        "release, or report this message."
    )


class _Fault(msgspec.Struct):
    code: str
    message: str | None = None


class _Faults(msgspec.Struct):
    errors: list[_Fault]


def _faults(response: httpx.Response) -> list[_Fault]:
    if response.status_code < httpx.codes.BAD_REQUEST:
        return []
    try:
        return msgspec.json.decode(response.content, type=_Faults).errors
    except msgspec.MsgspecError:
        return []


def _in_intercoms_words(response: httpx.Response) -> str:
    """The status and Intercom's error codes; never the body, which may hold a contact's data."""
    said = "; ".join(f"{f.code} ({f.message})" if f.message else f.code for f in _faults(response))
    if not said:
        said = "an empty body" if not response.content else "a body that is not Intercom's JSON"
    return f"HTTP {response.status_code}, {said}, request {_request_id(response) or 'without an id'}"


def _request_id(response: httpx.Response) -> str | None:
    request_id: str | None = response.headers.get("x-request-id")
    return request_id


def _next_step(status: int, response: httpx.Response) -> str:
    if _is_version_refused(response):
        return "Set SOURCES__INTERCOM__API_VERSION to a version that Intercom knows, such as Preview."
    if status == httpx.codes.UNAUTHORIZED:
        return (
            "Check SOURCES__INTERCOM__ACCESS_TOKEN: copy the access token from your app in Intercom's Developer Hub "
            "(Configure, Authentication), and make sure the region is the workspace's own."
        )
    if status == httpx.codes.FORBIDDEN:
        return "Give the app the permission to read users and companies in Intercom's Developer Hub, or check the plan."
    return "This is not expected: report it together with the request id."


def _cause(error: Exception) -> str:
    """What a network error was, without what was sent."""
    kinds = {
        httpx.ConnectError: "no connection could be made",
        httpx.TimeoutException: "no answer in time",
        httpx.RemoteProtocolError: "the answer was cut off",
    }
    words = next((words for kind, words in kinds.items() if isinstance(error, kind)), "the connection failed")
    return f"{words} ({type(error).__name__}: {error})" if str(error) else f"{words} ({type(error).__name__})"
