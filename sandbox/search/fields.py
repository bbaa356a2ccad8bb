"""The fields by which contacts can be searched and sorted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

from ..people import Contact, tag_id
from ..segments import ANY_TYPE, CHOICE, NUMBER, TEXT, Comparison
from .errors import ApiError
from .timestamps import BY_SECOND, TimestampOperators


@dataclass(frozen=True)
class Field:
    """A searchable attribute. `typed` converts a query's value to its type, or raises TypeError or ValueError."""

    read: Callable[[Contact], Any]
    operators: Mapping[str, Comparison]
    typed: Callable[[Any], Any]


def field_named(name: str, timestamps: TimestampOperators = BY_SECOND) -> Field:
    """The field of that name; any custom attribute is one, even if no contact has it.

    Raises:
        ApiError: Intercom does not search by it.
    """
    if name in FIELDS:
        return FIELDS[name]
    if name in TIMESTAMPS:
        return Field(_reader(name), timestamps.standard, second)
    parent, _, attribute = name.partition(".")
    if parent != "custom_attributes" or not attribute:
        raise invalid_field(name)
    if attribute.endswith("_at"):  # Intercom treats custom attributes of that ending as dates
        return Field(_reader(name), timestamps.custom, second)
    return Field(_reader(name), ANY_TYPE, scalar)


def invalid_field(name: str) -> ApiError:
    """Intercom's answer to an unknown search field."""
    return ApiError(400, "invalid_field", f"{name} is not a valid search field")


def sort_value(name: str) -> Callable[[Contact], Any]:
    """Reads the value by which contacts are sorted.

    Raises:
        ApiError: Intercom does not sort by the field.
    """
    if name in ("segment_id", "tag_id"):
        raise ApiError(400, "invalid_field", f"{name} is not a valid sort field")
    return field_named(name).read


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def boolean(value: Any) -> bool:
    """True or false, not 1 or "true"."""
    if not isinstance(value, bool):
        raise TypeError
    return value


def integer(value: Any) -> int:
    """A number, also as text: clients often send timestamps so."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def second(value: Any) -> int:
    """An `integer`, also with a decimal point: tap-intercom sends timestamps so."""
    return int(value) if isinstance(value, float) and value.is_integer() else integer(value)


def scalar(value: Any) -> str | bool | int | float:
    """A value of a custom attribute."""
    if not isinstance(value, str | bool | int | float):
        raise TypeError
    return value


def _reader(name: str) -> Callable[[Contact], Any]:
    return methodcaller("value", name)


def _email_domain(contact: Contact) -> str | None:
    email = contact.value("email")
    return email.partition("@")[2] if email else None


def _owner(contact: Contact) -> int | None:
    """Contacts have it as a number or as text; search compares numbers."""
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

# Without segment_id, which is not an attribute of a contact: `filters` reads the members of segments.
# Without timestamps, whose operators depend on the API version.
FIELDS: Mapping[str, Field] = {
    **{name: Field(_reader(name), TEXT, text) for name in _TEXT_FIELDS},
    **{name: Field(_reader(name), CHOICE, boolean) for name in _BOOLEAN_FIELDS},
    "avatar": Field(_reader("avatar.image_url"), TEXT, text),
    "email_domain": Field(_email_domain, TEXT, text),
    "owner_id": Field(_owner, NUMBER, integer),
    "tag_id": Field(_tags, {"=": _has, "!=": _lacks}, text),
    # Intercom's documentation has these two spellings, and clients use them.
    "andoid_sdk_version": Field(_reader("android_sdk_version"), TEXT, text),
    "ios_app_device": Field(_reader("ios_device"), TEXT, text),
}
