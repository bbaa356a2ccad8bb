"""The records of conversations, tickets and their parts, as the newest version of Intercom's API has them."""

from collections.abc import Iterable
from typing import Any

from ..people import TAGS, Contact, Json, tag_id

FIRST_ADMIN = 991_000_000
ADMINS = tuple(str(FIRST_ADMIN + number) for number in range(1, 9))
TEAMS = ("1", "2", "3")
TICKET_TYPES = ("67", "68")
STATES = {"submitted": "8269", "in_progress": "8270", "resolved": "8271"}
CHANNELS = ("conversation", "email", "whatsapp")


def admin(admin_id: str) -> Json:
    """A teammate as the author of a part."""
    number = int(admin_id) - FIRST_ADMIN
    return {"type": "admin", "id": admin_id, "name": f"Teammate {number}", "email": f"teammate{number}@example.com"}


def person(contact: Contact) -> Json:
    """A contact as the author of a part. A lead may have no address."""
    address = contact.value("email") or f"{contact.id}@visitors.example.com"
    return {"type": "user", "id": contact.id, "name": contact.value("name"), "email": address}


def reference(contact: Contact) -> Json:
    """A contact as it is named in a conversation."""
    return {"type": "contact", "id": contact.id, "external_id": contact.value("external_id")}


def tag(name: str, at: int, admin_id: str) -> Json:
    """A tag of a conversation."""
    applied = {"applied_at": at, "applied_by": {"type": "admin", "id": admin_id}}
    return {"type": "tag", "id": tag_id(name), "name": name, **applied}


def attachment(number: int) -> Json:
    """A file, with an address that Intercom signs for each answer."""
    size = {"content_type": "image/png", "filesize": 1_000 + number, "width": 100, "height": 80}
    return {"type": "upload", "name": f"file{number}.png", "url": f"https://files.example.com/{number}", **size}


def conversation(number: int, contact: Contact, author: Json, at: int) -> Json:
    """A conversation that was just started."""
    is_of_contact = author["type"] == "user"
    return {
        "type": "conversation",
        "id": str(number),
        "title": f"Question {number}" if number % 3 else None,
        "created_at": at,
        "updated_at": at,
        "waiting_since": at if is_of_contact else None,
        "snoozed_until": None,
        "open": True,
        "state": "open",
        "read": False,
        "priority": "none",
        "admin_assignee_id": None,
        "team_assignee_id": None,
        "company": None,
        "tags": {"type": "tag.list", "tags": []},
        "conversation_rating": None,
        "source": _source(number, author),
        "contacts": {"type": "contact.list", "contacts": [reference(contact)]},
        "teammates": None,
        "custom_attributes": {"Topic": "Billing"} if number % 2 else {},
        "first_contact_reply": None,
        "sla_applied": _sla(number),
        "linked_objects": linked(()),
        "ai_topics": None,
        "ai_agent_participated": number % 4 == 0,
        "ai_agent": _ai_agent(at) if number % 4 == 0 else None,
        "sales_agent_participated": False,
        "channel": {"initial": "messenger", "current": "messenger"},
        "external_references": [],
    }


def _source(number: int, author: Json) -> Json:
    return {
        "type": CHANNELS[number % len(CHANNELS)],
        "id": str(5_000_000 + number),
        "delivered_as": "customer_initiated" if author["type"] == "user" else "admin_initiated",
        "subject": "",
        "body": f"<p>First message of {number}</p>",
        "author": author,
        "attachments": [attachment(number)] if number % 9 == 0 else [],
        "url": f"https://app.example.com/pages/{number % 7}" if number % 5 else None,
        "redacted": False,
    }


def _sla(number: int) -> Json | None:
    if number % 6:
        return None
    return {"type": "conversation_sla_summary", "sla_name": "First answer", "sla_status": "active"}


def _ai_agent(at: int) -> Json:
    sources: Json = {"type": "content_source.list", "total_count": 1}
    sources["content_sources"] = [
        {"content_type": "article", "url": "https://help.example.com/1", "title": "Article 1", "locale": "en"}
    ]
    return {
        "source_type": "workflow",
        "source_title": "First answers",
        "last_answer_type": "ai_answer",
        "resolution_state": "assumed_resolution",
        "rating": None,
        "rating_remark": None,
        "created_at": at,
        "updated_at": at,
        "content_sources": sources,
    }


def linked(objects: Iterable[Json]) -> Json:
    """A list of linked objects: it is whole."""
    found = list(objects)
    return {"type": "list", "data": found, "total_count": len(found), "has_more": False}


def part(number: int, kind: str, author: Json, at: int, *, body: str | None = None, **fields: Any) -> Json:
    """A part of a conversation."""
    return {
        "type": "conversation_part",
        "id": str(number),
        "part_type": kind,
        "body": body,
        "created_at": at,
        "updated_at": at,
        "notified_at": at,
        "assigned_to": None,
        "author": author,
        "attachments": [attachment(number)] if body and number % 25 == 0 else [],
        "external_id": None,
        "redacted": False,
        **fields,
    }


def ticket(number: int, contact: Contact, at: int) -> Json:
    """A ticket that was just submitted."""
    kind = TICKET_TYPES[number % len(TICKET_TYPES)]
    return {
        "type": "ticket",
        "id": str(900_000 + number),
        "ticket_id": str(number),
        "category": "Customer",
        "ticket_attributes": {"_default_title_": f"Ticket {number}", "_default_description_": f"About {number}"},
        "ticket_state": state("submitted"),
        "ticket_type": _ticket_type(kind),
        "contacts": {"type": "contact.list", "contacts": [reference(contact)]},
        "admin_assignee_id": 0,
        "team_assignee_id": 0,
        "created_at": at,
        "updated_at": at,
        "open": True,
        "snoozed_until": None,
        "linked_objects": linked(()),
        "is_shared": number % 2 == 0,
        "previous_ticket_state_id": None,
    }


def state(category: str) -> Json:
    """A state of tickets."""
    label = category.replace("_", " ").capitalize()
    labels = {"internal_label": f"{label} (internal)", "external_label": label}
    return {"type": "ticket_state", "id": STATES[category], "category": category, **labels}


def _ticket_type(kind: str) -> Json:
    texts = {"name": f"Kind {kind}", "description": f"A ticket of kind {kind}", "icon": "🎟️", "category": "Customer"}
    return {"type": "ticket_type", "id": kind, "archived": False, **texts}


def tag_names() -> tuple[str, ...]:
    """The names that tags of conversations have."""
    return TAGS
