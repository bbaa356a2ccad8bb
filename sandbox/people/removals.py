"""Removed contacts, and what the API still reports of them."""

import html
from dataclasses import dataclass
from typing import Literal

from .contacts import DAY_SECONDS, Contact, Json

# Intercom destroys the data of a deleted contact after this time.
GRACE_SECONDS = 7 * DAY_SECONDS

RemovalKind = Literal["archived", "blocked", "merged", "deleted"]


@dataclass(frozen=True)
class Removal:
    """A contact as it was when it was removed; `removed_at` is in epoch seconds."""

    contact: Contact
    kind: RemovalKind
    removed_at: int
    merged_into: str | None = None

    @property
    def contact_by_id(self) -> Contact | None:
        """The contact that `GET /contacts/{id}` returns: an archived or blocked one, with a flag of that name.

        Intercom documents the flag in its answers to archiving and blocking, but no answer to a GET.
        """
        return self.contact.updated({self.kind: True}) if self.kind in ("archived", "blocked") else None

    def status(self, now: int) -> str:
        """The status in the list of removed contacts, which never says `deleted`."""
        if self.kind != "deleted":
            return self.kind
        return "pending_deletion" if now - self.removed_at < GRACE_SECONDS else "permanently_deleted"

    def json(self, now: int, *, escapes_email: bool) -> Json:
        """The row in the list of removed contacts, with the fields that Intercom documents; it may send more."""
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
