"""Parameters of requests, and JSON responses."""

import re

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..search import ApiError, read_per_page
from ..world import VERSIONS, Version

# Intercom's default page size of lists; search has another.
LIST_PER_PAGE = 10

NOT_IN_VERSION = "Requested resource is not available in current API version"


def json_response(body: object) -> Response:
    return encoded_response(msgspec.json.encode(body))


def encoded_response(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def version_of(request: Request) -> Version:
    """The API version of the request, validated by the middleware."""
    version: Version = request.state.version
    return version


def is_before(request: Request, version: str) -> bool:
    """Whether the request's version is older than that one."""
    names = list(VERSIONS)
    return names.index(version_of(request).name) < names.index(version)


def refuse_older_versions(request: Request) -> None:
    """Refuses versions without the activity feed and the list of removed contacts."""
    if not version_of(request).reports_removals:
        raise ApiError(400, "intercom_version_invalid", NOT_IN_VERSION)


def per_page_of(request: Request, default: int) -> int:
    return read_per_page(_leading_number(request.query_params.get("per_page", str(default))), default)


def page_number_of(request: Request) -> int:
    """The page number, at least 1. Intercom does not document how it refuses others."""
    number = _leading_number(request.query_params.get("page", "1"))
    if number < 1:
        raise ApiError(400, "parameter_invalid", "page is a number from 1 on")
    return number


def _leading_number(text: str) -> int:
    """Intercom reads only the leading digits; text without digits is 0."""
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else 0
