"""Pages of contacts as they go over the wire, and the ways in which they say what comes next."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import URL

from ..people import Contact, Form, Json
from ..world import Following


@dataclass(frozen=True)
class Page:
    """One page of an answer, with the cursor of the next one if there is one."""

    contacts: list[Contact]
    number: int
    per_page: int
    total_count: int
    next: str | None

    def json(self, form: Form, following: Following, *, url: URL | None = None) -> bytes:
        """The list, made of contacts that were encoded before; `url` is where the next page is asked for."""
        pages: dict[str, Any] = {"type": "pages", "page": self.number, "per_page": self.per_page}
        pages["total_pages"] = -(-self.total_count // self.per_page)
        pages |= self._next(following, url)
        tail = msgspec.json.encode({"total_count": self.total_count, "pages": pages})
        rows = form.rows(self.contacts) or [b""]
        rows[0] = b'{"type":"list","data":[' + rows[0]
        rows[-1] += b"]," + tail[1:]
        return b",".join(rows)

    def _next(self, following: Following, url: URL | None) -> Json:
        if self.next is None and following in ("absent", "url"):
            return {}
        if self.next is None and following == "null":
            return {"next": None}
        if following == "url" and url:
            query = urlencode({"per_page": self.per_page, "starting_after": self.next})
            return {"next": str(url.replace(query=query))}
        return {"next": {"page": self.number + 1, "starting_after": self.next}}
