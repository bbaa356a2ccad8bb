"""Reads Intercom's responses: as records, or as the errors that they report."""

import re
from collections.abc import Callable, Collection
from typing import TypeVar

import httpx
import msgspec

from ..wire import plainly
from .answers import without_nul
from .errors import QueryRefused, Refused, TryAgain, Unreadable, unreadable
from .rate_limit import seconds_until

PASSING_STATUSES = (408, 409, 429, 500, 502, 503, 504)
"""Statuses worth another attempt; Intercom's own clients retry the same ones."""
LONGEST_WAIT_SECONDS = 120.0
REQUEST_ID = re.compile(r"[A-Za-z0-9][\w.:/-]{0,63}", re.ASCII)
"""The form of Intercom's ids of calls."""

Record = TypeVar("Record")
Answer = TypeVar("Answer")


class Fault(msgspec.Struct):
    """One error of Intercom's error list."""

    code: str
    message: str | None = None


class FaultList(msgspec.Struct):
    """The body of an answer that reports errors."""

    errors: list[Fault]


def decode(body: bytes, shape: type[Record]) -> Record:
    """JSON as a record, NUL characters replaced.

    Raises:
        msgspec.DecodeError: it is not JSON, or not all of it.
        Unreadable: it has another shape.
    """
    try:
        return msgspec.json.decode(without_nul(body), type=shape)
    except msgspec.ValidationError as error:
        raise unreadable(error) from None


def whole(response: httpx.Response) -> httpx.Response:
    """The response, undecoded.

    Raises:
        msgspec.DecodeError: its body is not JSON, or not all of it.
    """
    msgspec.json.decode(response.content, type=msgspec.Raw)
    return response


def understood(
    response: httpx.Response, read: Callable[[httpx.Response], Answer], *, call: str, expected: Collection[int]
) -> Answer:
    """What `read` makes of a response with an expected status.

    Args:
        call: method and path, for messages.

    Raises:
        TryAgain: the status may pass, or the body is cut off or is not Intercom's.
        Refused: any other status.
        Unreadable: the body has another shape.
    """
    is_cut_off = False
    if response.status_code in expected:
        try:
            return read(response)
        except msgspec.DecodeError:
            is_cut_off = True
        except Unreadable as error:
            error.request_id = request_id(response)
            raise
    if is_cut_off or response.status_code in PASSING_STATUSES or not _is_json(response):
        raise TryAgain(describe(response), wait_seconds=_requested_wait(response), request_id=request_id(response))
    refusal = QueryRefused if _is_about_query(call, response) else Refused
    message = f"Intercom refused {call}: {describe(response)}. {_next_step(response)}"
    raise refusal(message, request_id=request_id(response))


def reports(response: httpx.Response, *codes: str) -> bool:
    """Whether Intercom reports an error with one of these codes."""
    return any(fault.code in codes for fault in _faults(response))


def describe(response: httpx.Response) -> str:
    """The status and Intercom's error codes; never the body, which may hold a contact's data."""
    faults = "; ".join(f"{one.code} ({one.message})" if one.message else one.code for one in _faults(response))
    if not faults:
        faults = "an empty body" if not response.content else "a body that is not Intercom's JSON"
    return f"HTTP {response.status_code}, {plainly(faults)}, request {request_id(response) or 'without an id'}"


def request_id(response: httpx.Response) -> str | None:
    """Intercom's id of the call; null where something between answered."""
    sent: str | None = response.headers.get("x-request-id")
    return sent if sent is None or REQUEST_ID.fullmatch(sent) else plainly(sent)


def _faults(response: httpx.Response) -> list[Fault]:
    if response.status_code < httpx.codes.BAD_REQUEST:
        return []
    try:
        return msgspec.json.decode(response.content, type=FaultList).errors
    except msgspec.MsgspecError:
        return []


def _is_json(response: httpx.Response) -> bool:
    try:
        whole(response)
    except msgspec.DecodeError:
        return False
    return True


def _is_about_query(call: str, response: httpx.Response) -> bool:
    is_malformed = response.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY)
    return is_malformed and call.endswith("/search") and not _is_version_refused(response)


def _is_version_refused(response: httpx.Response) -> bool:
    return reports(response, "intercom_version_invalid")


def _requested_wait(response: httpx.Response) -> float | None:
    """Seconds Intercom asked to wait: `Retry-After` if sent, else, after a 429, to the end of the quota's window."""
    headers = response.headers
    if (seconds := headers.get("retry-after", "")).isdigit():
        return min(float(seconds), LONGEST_WAIT_SECONDS)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS and "x-ratelimit-reset" in headers:
        return seconds_until(int(headers["x-ratelimit-reset"]), headers)
    return None


def _next_step(response: httpx.Response) -> str:
    if _is_version_refused(response):
        return "Set SOURCES__INTERCOM__API_VERSION to a version that Intercom knows, such as Preview."
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return (
            "Check SOURCES__INTERCOM__ACCESS_TOKEN: copy the access token from your app in Intercom's Developer Hub "
            "(Configure, Authentication), and make sure that the region is the workspace's own."
        )
    if response.status_code == httpx.codes.FORBIDDEN:
        return "Give the app the permission to read users and companies in Intercom's Developer Hub, or check the plan."
    return "This is not expected: report it together with the request id."
