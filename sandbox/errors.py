"""The one way in which the sandbox says no."""

from typing import Any

import msgspec


class ApiError(Exception):
    """Ends a request with a status and one error of Intercom's envelope."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def body(self, request_id: str) -> bytes:
        """The envelope as it goes over the wire."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        return msgspec.json.encode({"type": "error.list", "request_id": request_id, "errors": [error]})
