"""The JSON of a page of contacts, with the link to the next page in several styles."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import URL

from ..people import Contact, ContactEncoder, Json
from ..world import NextPageStyle


@dataclass(frozen=True)
class Page:
    """One page of an answer. `next` is the cursor of the next page, if there is one."""

    contacts: list[Contact]
    number: int
    per_page: int
    total_count: int
    next: str | None

    def json(self, encoder: ContactEncoder, style: NextPageStyle, *, url: URL | None = None) -> bytes:
        """The list, assembled from encoded contacts; `url` is the address of the search."""
        pages: dict[str, Any] = {"type": "pages", "page": self.number, "per_page": self.per_page}
        pages["total_pages"] = -(-self.total_count // self.per_page)
        pages |= self._next(style, url)
        tail = msgspec.json.encode({"total_count": self.total_count, "pages": pages})
        rows = encoder.encode_all(self.contacts) or [b""]
        rows[0] = b'{"type":"list","data":[' + rows[0]
        rows[-1] += b"]," + tail[1:]
        return b",".join(rows)

    def _next(self, style: NextPageStyle, url: URL | None) -> Json:
        if self.next is None and style in ("absent", "url"):
            return {}
        if self.next is None and style == "null":
            return {"next": None}
        if style == "url" and url:
            query = urlencode({"per_page": self.per_page, "starting_after": self.next})
            return {"next": str(url.replace(query=query))}
        return {"next": {"page": self.number + 1, "starting_after": self.next}}
