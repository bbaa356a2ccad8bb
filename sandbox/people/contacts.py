"""A contact's attributes, in the shape of the JSON object that Intercom sends."""

import zlib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

import msgspec

Json = dict[str, Any]
DAY_SECONDS = 86_400

# Intercom embeds at most ten tags, notes or companies in a contact; the list's url has the rest.
MOST_EMBEDDED = 10

# Updated field by field, so that a new city keeps the country.
NESTED = ("custom_attributes", "location")

# Attributes that rules and searches read of every contact are kept decoded; others are read from the JSON.
_DECODED = (
    *("id", "role", "email", "owner_id", "created_at", "updated_at", "signed_up_at"),
    *("last_seen_at", "last_replied_at", "last_email_opened_at"),
    *("has_hard_bounced", "unsubscribed_from_emails", "ios_device", "android_device"),
)
_DECODED_CUSTOM = ("plan", "monthly_spend", "sessions", "is_admin", "account_name")
_DECODED_NAMES = (*_DECODED, "location.country", *(f"custom_attributes.{name}" for name in _DECODED_CUSTOM))
_POSITIONS: Mapping[str, int] = {name: position for position, name in enumerate(_DECODED_NAMES)}

# Contacts kept fully decoded: all of a workspace of the default size, a few of a large one.
DECODED_CONTACTS = 5000


class Contact:
    """One version of a contact, never changed; `tags` are names.

    Stored as the JSON that is sent: a dictionary takes three times the memory. `edition` counts the updates, without
    silent visits.
    """

    __slots__ = ("_decoded", "edition", "id", "json", "owner_type", "tags")

    def __init__(self, contact_id: str, attributes: Json, tags: frozenset[str] = frozenset(), edition: int = 0) -> None:
        location, custom = (attributes.get(name) or {} for name in ("location", "custom_attributes"))
        self.id = contact_id
        self.json = msgspec.json.encode(attributes)
        self.tags = _shared(tags)
        self.edition = edition
        self.owner_type = type(attributes.get("owner_id"))
        self._decoded = (*map(attributes.get, _DECODED), location.get("country"), *map(custom.get, _DECODED_CUSTOM))

    @property
    def attributes(self) -> Json:
        """All attributes; the caller must not change them."""
        return _decode(self.json)

    def value(self, name: str) -> Any:
        """An attribute by name or dotted path (`location.country`); None if the contact has none."""
        position = _POSITIONS.get(name)
        if position is not None:
            return self._decoded[position]
        parent, _, child = name.partition(".")
        value = self.attributes.get(parent)
        if not child:
            return value
        return value.get(child) if isinstance(value, dict) else None

    def updated(self, attributes: Mapping[str, Any]) -> "Contact":
        """The next version: nested attributes are merged, all others replaced."""
        known = self.attributes
        merged = {name: {**known[name], **attributes[name]} for name in NESTED if name in attributes}
        edition = self.edition + ("updated_at" in attributes)
        return Contact(self.id, {**known, **attributes, **merged}, self.tags, edition)

    def tagged(self, tags: Iterable[str], *, updated_at: int) -> "Contact":
        """The next version, with these tags in place of the old ones."""
        names = frozenset(tags)
        changed = {"tags": tag_list(self.id, names), "updated_at": updated_at}
        return Contact(self.id, {**self.attributes, **changed}, names, self.edition + 1)


@lru_cache(maxsize=DECODED_CONTACTS)
def _decode(encoded: bytes) -> Json:
    return msgspec.json.decode(encoded, type=Json)


@cache
def _shared(tags: frozenset[str]) -> frozenset[str]:
    """One set for equal tags: there are far fewer combinations of tags than contacts."""
    return tags


def tag_list(contact_id: str, names: Iterable[str]) -> Json:
    """The tags of a contact, as embedded in it."""
    return references("tag", sorted(map(tag_id, names)), url=f"/contacts/{contact_id}/tags")


def references(kind: str, ids: list[str], *, url: str) -> Json:
    """Intercom's addressable list: the first ten ids, the number of all, and the url of the whole list."""
    plural = {"company": "companies"}.get(kind, f"{kind}s")
    embedded = [{"id": item, "type": kind, "url": f"/{plural}/{item}"} for item in ids[:MOST_EMBEDDED]]
    return {
        "type": "list",
        "data": embedded,
        "url": url,
        "total_count": len(ids),
        "has_more": len(ids) > MOST_EMBEDDED,
    }


def all_ids(contact_id: str, embedded: Json) -> list[str]:
    """The ids of a whole list, of which a contact embeds the first ten; the others follow from the contact's id."""
    first = [one["id"] for one in embedded["data"]]
    others = range(len(first), embedded["total_count"])
    return [*first, *(str(zlib.crc32(f"{contact_id} {number}".encode())) for number in others)]


@cache
def tag_id(name: str) -> str:
    """A tag's id, computed from its name, so that no list of tags is needed."""
    return str(1_000_000 + zlib.crc32(name.encode()) % 9_000_000)
