"""Reads Intercom's responses: as records, or as the errors that they report."""

import re
from collections.abc import Callable, Collection
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from ..errors import QueryRefused, Refused, SetupError, TryAgain
from ..wire import Flaws, clean, lenient, plainly, shallow, whole_number
from .rate_limit import seconds_until

PASSING_STATUSES = (408, 409, 429, 500, 502, 503, 504)
"""Statuses worth another attempt; Intercom's own clients retry the same ones."""
QUERY_STATUSES = (400, 404, 422)
"""How search answers to a query that it does not accept."""
MOVED_STATUSES = (301, 308)
ERROR_LIST_BYTES = 4_096
"""An error list says what it is at its start."""
LASTING_CODES = (
    "unauthorized",
    "forbidden",
    "token_unauthorized",
    "token_revoked",
    "token_blocked",
    "token_not_found",
    "token_expired",
    "missing_authorization",
    "api_plan_restricted",
    "intercom_version_invalid",
)
"""Codes of errors that do not pass, where the status says that all is well."""
LONGEST_WAIT_SECONDS = 120.0
REQUEST_ID = re.compile(r"[A-Za-z0-9][\w.:/-]{0,63}", re.ASCII)
"""The form of Intercom's ids of calls."""

Record = TypeVar("Record")
Answer = TypeVar("Answer")


class Fault(msgspec.Struct):
    """One error of Intercom's error list."""

    code: str = ""
    message: str | None = None


class FaultList(msgspec.Struct):
    """The body of an answer that reports errors."""

    errors: list[Fault]
    type: str | None = None


def decode(body: bytes, shape: type[Record]) -> tuple[Record, Flaws]:
    """JSON as a record, text cleaned; and what of it could not be read.

    Raises:
        msgspec.DecodeError: it is not JSON, or not all of it, or lacks a value that is needed.
    """
    body = clean(body)
    try:
        return msgspec.json.decode(body, type=shape), Flaws()
    except (msgspec.DecodeError, RecursionError):
        return _decode_by_field(body, shape)


def _decode_by_field(body: bytes, shape: type[Record]) -> tuple[Record, Flaws]:
    flaws = Flaws()
    try:
        return lenient(body, shape, flaws), flaws
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, RecursionError):
        body, removed = shallow(body)
        flaws = Flaws(removed)
    return lenient(body, shape, flaws), flaws


def whole(response: httpx.Response) -> httpx.Response:
    """The response, undecoded.

    Raises:
        msgspec.DecodeError: its body is not JSON, or not all of it.
    """
    body = clean(response.content)
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        msgspec.json.decode(shallow(body)[0], type=msgspec.Raw)
    return response


def understood(
    response: httpx.Response, read: Callable[[httpx.Response], Answer], *, call: str, expected: Collection[int]
) -> Answer:
    """What `read` makes of a response with an expected status.

    Args:
        call: method and path, for messages.

    Raises:
        TryAgain: the status may pass, or the body is cut off or is not Intercom's.
        Refused: any other status, or an error list under a good one.
        SetupError: the address has moved.
    """
    is_cut_off, is_error = False, _is_error_list(response)
    if response.status_code in expected and not is_error:
        try:
            return read(response)
        except msgspec.ValidationError as error:
            raise TryAgain(f"{describe(response)}: {error}", request_id=request_id(response)) from None
        except msgspec.DecodeError:
            is_cut_off = True
    if response.status_code in MOVED_STATUSES:
        raise SetupError(_moved(response))
    if is_error and not reports(response, *LASTING_CODES):
        is_cut_off = True
    if is_cut_off or response.status_code in PASSING_STATUSES or not _is_json(response):
        raise TryAgain(describe(response), wait_seconds=_requested_wait(response), request_id=request_id(response))
    refusal = QueryRefused if _is_about_query(call, response) else Refused
    answer, codes = describe(response), (fault.code for fault in _faults(response))
    message = f"Intercom refused {call}: {answer}. {_next_step(response)}"
    raise refusal(message, request_id=request_id(response), answer=answer, codes=codes)


def reports(response: httpx.Response, *codes: str) -> bool:
    """Whether Intercom reports an error with one of these codes."""
    return any(fault.code in codes for fault in _faults(response))


def absence_codes(path: str) -> frozenset[str]:
    """The error codes that say that the record of a path is not there, such as `team_not_found` for `/teams/{id}`.

    The codes of other records say nothing about it.
    """
    words = [_singular(word) for word in path.partition("{")[0].strip("/").split("/")]
    return frozenset(("not_found", f"{words[-1]}_not_found", f"{'_'.join(words)}_not_found"))


def _singular(word: str) -> str:
    return f"{word.removesuffix('ies')}y" if word.endswith("ies") else word.removesuffix("s")


def describe(response: httpx.Response) -> str:
    """The status and Intercom's error codes; never the body, which may hold a contact's data."""
    faults = "; ".join(f"{one.code} ({one.message})" if one.message else one.code for one in _faults(response))
    if not faults:
        odd = "a body that this release cannot read" if _is_json(response) else "a body that is not Intercom's JSON"
        faults = odd if response.content else "an empty body"
    return f"HTTP {response.status_code}, {plainly(faults)}, request {request_id(response) or 'without an id'}"


def request_id(response: httpx.Response) -> str | None:
    """Intercom's id of the call; null where something between answered."""
    sent: str | None = response.headers.get("x-request-id")
    return sent if sent is None or REQUEST_ID.fullmatch(sent) else plainly(sent)


def _faults(response: httpx.Response) -> list[Fault]:
    if response.status_code < httpx.codes.BAD_REQUEST and not _is_error_list(response):
        return []
    try:
        return decode(response.content, FaultList)[0].errors
    except msgspec.MsgspecError:
        return []


def _is_error_list(response: httpx.Response) -> bool:
    """Whether an answer that announces success holds Intercom's list of errors."""
    if response.status_code >= httpx.codes.BAD_REQUEST or b"error.list" not in response.content[:ERROR_LIST_BYTES]:
        return False
    try:
        return decode(response.content, FaultList)[0].type == "error.list"
    except msgspec.MsgspecError:
        return False


def _moved(response: httpx.Response) -> str:
    try:
        host = urlsplit(response.headers.get("location", "")).hostname
    except ValueError:
        host = None
    host = host or "an address that cannot be read"
    return (
        f"HTTP {response.status_code}: the API's address has moved to {host}. Nothing was changed. Set "
        "SOURCES__INTERCOM__BASE_URL to the new address, with https://, or delete the setting."
    )


def _is_json(response: httpx.Response) -> bool:
    try:
        whole(response)
    except msgspec.DecodeError:
        return False
    return True


def _is_about_query(call: str, response: httpx.Response) -> bool:
    is_refused = response.status_code in QUERY_STATUSES
    return is_refused and call.endswith("/search") and not _is_version_refused(response)


def _is_version_refused(response: httpx.Response) -> bool:
    return reports(response, "intercom_version_invalid")


def _requested_wait(response: httpx.Response) -> float | None:
    """Seconds Intercom asked to wait: `Retry-After` if sent, else, after a 429, to the end of the quota's window."""
    headers = response.headers
    seconds, reset = whole_number(headers, "retry-after"), whole_number(headers, "x-ratelimit-reset")
    if seconds is not None and seconds >= 0:
        return min(float(seconds), LONGEST_WAIT_SECONDS)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS and reset is not None:
        return seconds_until(reset, headers)
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
