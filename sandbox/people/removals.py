"""Contacts that are not active any more, and what the API still says of them."""

import html
from dataclasses import dataclass
from typing import Literal

from .contacts import DAY_SECONDS, Contact, Json

# What a deleted contact has before its data is destroyed.
GRACE_SECONDS = 7 * DAY_SECONDS

Way = Literal["archived", "blocked", "merged", "deleted"]


@dataclass(frozen=True)
class Removal:
    """How and when (epoch seconds) a contact went, and what it was then; `merged_into` names another one."""

    contact: Contact
    way: Way
    second: int
    merged_into: str | None = None

    @property
    def remnant(self) -> Contact | None:
        """What is told by the contact's id: an archived or blocked one carries a flag of that name.

        Intercom documents the flag in its answer to archiving and to blocking. No document tells what a GET answers.
        """
        return self.contact.updated({self.way: True}) if self.way in ("archived", "blocked") else None

    def status(self, now: int) -> str:
        """In the words of the list of contacts that are not active, where `deleted` is none."""
        if self.way != "deleted":
            return self.way
        return "pending_deletion" if now - self.second < GRACE_SECONDS else "permanently_deleted"

    def json(self, now: int, *, escapes_email: bool) -> Json:
        """The row in that list. Intercom documents these fields; it may send others."""
        status = self.status(now)
        known = {} if status == "permanently_deleted" else self.contact.attributes
        email = known.get("email")
        row: Json = {
            "type": "contact",
            "id": self.contact.id,
            "external_id": known.get("external_id"),
            "email": html.escape(email) if email and escapes_email else email,
            "status": status,
        }
        return {**row, "merged_into_id": self.merged_into} if self.merged_into else row
