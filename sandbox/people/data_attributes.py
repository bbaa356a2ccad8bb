"""The attributes of contacts that a workspace lists: Intercom's own, and those that it has defined."""

from collections.abc import Sequence

from .contacts import Json

DEFINED_AT = 1_600_000_000
ADMIN_ID = "814860"

# Name, full name, label and type of some of Intercom's own attributes.
_BUILT_IN = (
    ("name", "name", "Name", "string"),
    ("email", "email", "Email", "string"),
    ("phone", "phone", "Phone", "string"),
    ("external_id", "external_id", "User ID", "string"),
    ("owner_id", "owner_id", "Owner", "integer"),
    ("created_at", "created_at", "First seen", "date"),
    ("last_seen_at", "last_seen_at", "Last seen", "date"),
    ("country", "location.country", "Country", "string"),
    ("unsubscribed_from_emails", "unsubscribed_from_emails", "Unsubscribed from emails", "boolean"),
)
# Objects such as `preferences` are sent with contacts, and listed nowhere.
_DEFINED = (
    ("plan", "string"),
    ("monthly_spend", "float"),
    ("sessions", "integer"),
    ("is_admin", "boolean"),
    ("account_name", "string"),
    ("favourite_quote", "string"),
    ("trial_ends_at", "date"),
)


class DataAttributes:
    """The attributes of contacts. `is_refused`: the token may not read the list."""

    def __init__(self, plans: Sequence[str]) -> None:
        self.is_refused = False
        self._listed: dict[str, Json] = {one[1]: _attribute(*one) for one in _BUILT_IN}
        for name, data_type in _DEFINED:
            self.define(name, data_type, options=plans if name == "plan" else ())

    def define(self, name: str, data_type: str, *, options: Sequence[str] = (), archived: bool = False) -> None:
        """Adds a custom attribute, or replaces it."""
        full_name = f"custom_attributes.{name}"
        defined = {
            **_attribute(name, full_name, name.replace("_", " ").capitalize(), data_type),
            "id": 10_000 + len(self._listed),
            "admin_id": ADMIN_ID,
            "custom": True,
            "api_writable": True,
            "ui_writable": True,
            "archived": archived,
            "created_at": DEFINED_AT,
            "updated_at": DEFINED_AT,
        }
        self._listed[full_name] = {**defined, "options": list(options)} if options else defined

    def listed(self, *, include_archived: bool) -> list[Json]:
        """The attributes as Intercom lists them."""
        return [one for one in self._listed.values() if include_archived or not one["archived"]]


def _attribute(name: str, full_name: str, label: str, data_type: str) -> Json:
    return {
        "type": "data_attribute",
        "model": "contact",
        "name": name,
        "full_name": full_name,
        "label": label,
        "description": f"{label} of the contact",
        "data_type": data_type,
        "api_writable": False,
        "ui_writable": False,
        "messenger_writable": False,
        "custom": False,
        "archived": False,
    }
