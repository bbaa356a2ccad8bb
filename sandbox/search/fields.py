"""What contacts can be searched and sorted by: how it is read, which operators it takes, what type it has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

from ..people import Contact, tag_id
from ..segments import ANY_TYPE, CHOICE, NUMBER, TEXT, Comparison
from .errors import ApiError
from .timestamps import EXACT, Dates


@dataclass(frozen=True)
class Field:
    """A searchable attribute. `typed` answers a wanted value in the field's type or raises TypeError, ValueError."""

    read: Callable[[Contact], Any]
    operators: Mapping[str, Comparison]
    typed: Callable[[Any], Any]


def field_named(name: str, dates: Dates = EXACT) -> Field:
    """Raises ApiError for what Intercom does not search by. Any custom attribute will do, on no contact too."""
    if name in FIELDS:
        return FIELDS[name]
    if name in TIMESTAMPS:
        return Field(_reader(name), dates.standard, second)
    parent, _, attribute = name.partition(".")
    if parent != "custom_attributes" or not attribute:
        raise invalid_field(name)
    if attribute.endswith("_at"):  # Intercom takes custom attributes of that ending for dates
        return Field(_reader(name), dates.custom, second)
    return Field(_reader(name), ANY_TYPE, scalar)


def invalid_field(name: str) -> ApiError:
    """How Intercom refuses to search by a field."""
    return ApiError(400, "invalid_field", f"{name} is not a valid search field")


def sort_value(name: str) -> Callable[[Contact], Any]:
    """Reads what contacts are sorted by. Raises ApiError for what a contact has none or many of."""
    if name in ("segment_id", "tag_id"):
        raise ApiError(400, "invalid_field", f"{name} is not a valid sort field")
    return field_named(name).read


def text(value: Any) -> str:
    """Text, and nothing that would only look like it."""
    if not isinstance(value, str):
        raise TypeError
    return value


def boolean(value: Any) -> bool:
    """True or false, no 1 or "true"."""
    if not isinstance(value, bool):
        raise TypeError
    return value


def integer(value: Any) -> int:
    """A number, or text that holds one, as clients often send timestamps."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def second(value: Any) -> int:
    """A number as `integer` takes it, or a whole one with a decimal point, as tap-intercom sends timestamps."""
    return int(value) if isinstance(value, float) and value.is_integer() else integer(value)


def scalar(value: Any) -> str | bool | int | float:
    """Anything that one custom attribute can hold."""
    if not isinstance(value, str | bool | int | float):
        raise TypeError
    return value


def _reader(name: str) -> Callable[[Contact], Any]:
    return methodcaller("value", name)


def _email_domain(contact: Contact) -> str | None:
    email = contact.value("email")
    return email.partition("@")[2] if email else None


def _owner(contact: Contact) -> int | None:
    """Sent as a number or as text, searched as a number."""
    owner = contact.value("owner_id")
    return None if owner is None else int(owner)


def _tags(contact: Contact) -> set[str]:
    return {tag_id(name) for name in contact.tags}


def _has(tags: set[str], wanted: str) -> bool:
    return wanted in tags


def _lacks(tags: set[str], wanted: str) -> bool:
    return wanted not in tags


_TEXT_FIELDS = (
    *("id", "role", "name", "email", "phone", "formatted_phone", "external_id", "language_override"),
    *("browser", "browser_language", "os", "location.country", "location.region", "location.city"),
    *("ios_app_version", "ios_device", "ios_os_version", "ios_app_name", "ios_sdk_version"),
    *("android_app_version", "android_device", "android_app_name"),
)
TIMESTAMPS = frozenset(
    (
        *("created_at", "signed_up_at", "updated_at", "last_seen_at", "last_contacted_at", "last_replied_at"),
        *("last_email_opened_at", "last_email_clicked_at", "ios_last_seen_at", "android_last_seen_at"),
    )
)
_BOOLEAN_FIELDS = ("unsubscribed_from_emails", "marked_email_as_spam", "has_hard_bounced")

# segment_id is not among them: it is no attribute of a contact, and is answered from the members of segments.
# Nor are timestamps, whose operators depend on the version that is asked.
FIELDS: Mapping[str, Field] = {
    **{name: Field(_reader(name), TEXT, text) for name in _TEXT_FIELDS},
    **{name: Field(_reader(name), CHOICE, boolean) for name in _BOOLEAN_FIELDS},
    "avatar": Field(_reader("avatar.image_url"), TEXT, text),
    "email_domain": Field(_email_domain, TEXT, text),
    "owner_id": Field(_owner, NUMBER, integer),
    "tag_id": Field(_tags, {"=": _has, "!=": _lacks}, text),
    # Intercom's documentation spells these two in its own way, and so do its clients.
    "andoid_sdk_version": Field(_reader("android_sdk_version"), TEXT, text),
    "ios_app_device": Field(_reader("ios_device"), TEXT, text),
}
