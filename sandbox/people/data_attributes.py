"""The attributes of contacts and companies that a workspace lists: Intercom's own, and those that it has defined."""

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

_BUILT_IN_COMPANY = (
    ("name", "name", "Company name", "string"),
    ("monthly_spend", "monthly_spend", "Company monthly spend", "float"),
    ("remote_created_at", "remote_created_at", "Company created at", "date"),
)
_DEFINED_COMPANY = (("score", "integer"), ("renews_at", "date"), ("account_manager", "string"))


class DataAttributes:
    """The attributes of contacts and companies. `is_refused`: the token may not read the list."""

    def __init__(self, plans: Sequence[str]) -> None:
        self.is_refused = False
        self._listed: dict[str, dict[str, Json]] = {"contact": {}, "company": {}}
        for model, built_in, names in (
            ("contact", _BUILT_IN, _DEFINED),
            ("company", _BUILT_IN_COMPANY, _DEFINED_COMPANY),
        ):
            self._listed[model] = {one[1]: _attribute(model, *one) for one in built_in}
            for name, data_type in names:
                self.define(name, data_type, model=model, options=plans if name == "plan" else ())

    def define(
        self,
        name: str,
        data_type: str,
        *,
        model: str = "contact",
        options: Sequence[str] = (),
        archived: bool = False,
    ) -> None:
        """Adds a custom attribute, or replaces it."""
        full_name, listed = f"custom_attributes.{name}", self._listed[model]
        defined = {
            **_attribute(model, name, full_name, name.replace("_", " ").capitalize(), data_type),
            "id": 10_000 + sum(map(len, self._listed.values())),
            "admin_id": ADMIN_ID,
            "custom": True,
            "api_writable": True,
            "ui_writable": True,
            "archived": archived,
            "created_at": DEFINED_AT,
            "updated_at": DEFINED_AT,
        }
        listed[full_name] = {**defined, "options": list(options)} if options else defined

    def listed(self, model: str, *, include_archived: bool) -> list[Json]:
        """The attributes of a model as Intercom lists them."""
        return [one for one in self._listed.get(model, {}).values() if include_archived or not one["archived"]]


def _attribute(model: str, name: str, full_name: str, label: str, data_type: str) -> Json:
    return {
        "type": "data_attribute",
        "model": model,
        "name": name,
        "full_name": full_name,
        "label": label,
        "description": f"{label} of the {model}",
        "data_type": data_type,
        "api_writable": False,
        "ui_writable": False,
        "messenger_writable": False,
        "custom": False,
        "archived": False,
    }
