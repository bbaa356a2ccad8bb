"""A contact: what is true of it, in the shape of the JSON object that Intercom sends."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import msgspec

Json = dict[str, Any]

# Intercom embeds references to at most ten tags, notes or companies; the rest is behind the list's url.
EMBEDDED = 10

# Written field by field, so that an update of one city keeps the country.
NESTED = ("custom_attributes", "location")


@dataclass(frozen=True, eq=False)
class Contact:
    """One version of a contact. `attributes` is its JSON, never changed in place; `tags` are names.

    `edition` counts the updates, silent visits left out; `encoded` keeps what was made of it to be sent.
    """

    id: str
    attributes: Mapping[str, Any]
    tags: frozenset[str] = frozenset()
    edition: int = 0
    encoded: dict[object, bytes] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def json(self) -> bytes:
        """The attributes as they are, whatever the version that is asked and however it is to send them."""
        return msgspec.json.encode(self.attributes)

    def value(self, name: str) -> Any:
        """An attribute by name or by dotted path (`location.country`); None where there is none."""
        if "." not in name:
            return self.attributes.get(name)
        parent, _, child = name.partition(".")
        value = self.attributes.get(parent)
        return value.get(child) if isinstance(value, dict) else None

    def updated(self, attributes: Mapping[str, Any]) -> "Contact":
        """The next version; nested attributes are merged, everything else is replaced."""
        merged = {name: {**self.attributes[name], **attributes[name]} for name in NESTED if name in attributes}
        edition = self.edition + ("updated_at" in attributes)
        return Contact(self.id, {**self.attributes, **attributes, **merged}, self.tags, edition)

    def tagged(self, tags: Iterable[str], *, updated_at: int) -> "Contact":
        """The next version, with these tags instead of its own."""
        names = frozenset(tags)
        listed = references("tag", sorted(map(tag_id, names)), url=f"/contacts/{self.id}/tags")
        return Contact(self.id, {**self.attributes, "tags": listed, "updated_at": updated_at}, names, self.edition + 1)


def references(kind: str, ids: list[str], *, url: str) -> Json:
    """An addressable list: the first ten as references, the number of all, and where the others are."""
    plural = {"company": "companies"}.get(kind, f"{kind}s")
    shown = [{"id": item, "type": kind, "url": f"/{plural}/{item}"} for item in ids[:EMBEDDED]]
    return {
        "type": "list",
        "data": shown,
        "url": url,
        "total_count": len(ids),
        "has_more": len(ids) > EMBEDDED,
    }


@cache
def tag_id(name: str) -> str:
    """The id of a tag, made from its name so that no list of tags has to be kept."""
    return str(1_000_000 + zlib.crc32(name.encode()) % 9_000_000)
