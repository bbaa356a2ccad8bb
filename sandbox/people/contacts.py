"""A contact: what is true of it, in the shape of the JSON object that Intercom sends."""

import zlib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

import msgspec

Json = dict[str, Any]

# Intercom embeds references to at most ten tags, notes or companies; the rest is behind the list's url.
EMBEDDED = 10

# Written field by field, so that an update of one city keeps the country.
NESTED = ("custom_attributes", "location")

# What rules and searches ask of everybody. It is at hand; whatever else is asked is read from the JSON.
_AT_HAND = (
    *("id", "role", "email", "owner_id", "created_at", "updated_at", "signed_up_at"),
    *("last_seen_at", "last_replied_at", "last_email_opened_at"),
    *("has_hard_bounced", "unsubscribed_from_emails", "ios_device", "android_device"),
)
_CUSTOM_AT_HAND = ("plan", "monthly_spend", "sessions", "is_admin", "account_name")
_NAMES_AT_HAND = (*_AT_HAND, "location.country", *(f"custom_attributes.{name}" for name in _CUSTOM_AT_HAND))
_PLACES: Mapping[str, int] = {name: place for place, name in enumerate(_NAMES_AT_HAND)}

# So many contacts are kept read: all of a workspace of the usual size, and not those of a large one.
READ = 5000


class Contact:
    """One version of a contact, never changed; `tags` are names.

    It is kept as the JSON that is sent, since as a dictionary it takes three times the memory. `edition` counts the
    updates, silent visits left out.
    """

    __slots__ = ("_at_hand", "edition", "id", "json", "owner_type", "tags")

    def __init__(self, contact_id: str, attributes: Json, tags: frozenset[str] = frozenset(), edition: int = 0) -> None:
        location, custom = (attributes.get(name) or {} for name in ("location", "custom_attributes"))
        self.id = contact_id
        self.json = msgspec.json.encode(attributes)
        self.tags = _shared(tags)
        self.edition = edition
        self.owner_type = type(attributes.get("owner_id"))
        self._at_hand = (*map(attributes.get, _AT_HAND), location.get("country"), *map(custom.get, _CUSTOM_AT_HAND))

    @property
    def attributes(self) -> Json:
        """What is true of the contact, in the shape of its JSON; not to be changed by the caller."""
        return _read(self.json)

    def value(self, name: str) -> Any:
        """An attribute by name or by dotted path (`location.country`); None where there is none."""
        place = _PLACES.get(name)
        if place is not None:
            return self._at_hand[place]
        parent, _, child = name.partition(".")
        value = self.attributes.get(parent)
        if not child:
            return value
        return value.get(child) if isinstance(value, dict) else None

    def updated(self, attributes: Mapping[str, Any]) -> "Contact":
        """The next version; nested attributes are merged, everything else is replaced."""
        known = self.attributes
        merged = {name: {**known[name], **attributes[name]} for name in NESTED if name in attributes}
        edition = self.edition + ("updated_at" in attributes)
        return Contact(self.id, {**known, **attributes, **merged}, self.tags, edition)

    def tagged(self, tags: Iterable[str], *, updated_at: int) -> "Contact":
        """The next version, with these tags instead of its own."""
        names = frozenset(tags)
        changed = {"tags": tag_list(self.id, names), "updated_at": updated_at}
        return Contact(self.id, {**self.attributes, **changed}, names, self.edition + 1)


@lru_cache(maxsize=READ)
def _read(encoded: bytes) -> Json:
    return msgspec.json.decode(encoded, type=Json)


@cache
def _shared(tags: frozenset[str]) -> frozenset[str]:
    """The same set for the same tags: there are far fewer of them than of contacts."""
    return tags


def tag_list(contact_id: str, names: Iterable[str]) -> Json:
    """The tags of a contact, as it carries them."""
    return references("tag", sorted(map(tag_id, names)), url=f"/contacts/{contact_id}/tags")


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


DAY_SECONDS = 86_400
