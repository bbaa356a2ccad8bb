"""The one way in which the sandbox says no."""

from collections.abc import Mapping
from typing import Any

import msgspec


class ApiError(Exception):
    """Ends a request with a status and one error of Intercom's envelope; `headers` go with it."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def body(self, request_id: str) -> bytes:
        """The envelope as it goes over the wire."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        return msgspec.json.encode({"type": "error.list", "request_id": request_id, "errors": [error]})
