"""The error of a refused request."""

from collections.abc import Mapping
from typing import Any

import msgspec


class ApiError(Exception):
    """Answers a request with a status, one error in Intercom's envelope, and these headers."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def body(self, request_id: str) -> bytes:
        """Intercom's envelope as JSON."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        return msgspec.json.encode({"type": "error.list", "request_id": request_id, "errors": [error]})
