"""Conversations and tickets as each version of the API shows them."""

from collections.abc import Callable, Sequence
from typing import Any

from ..people import Json
from .statistics import statistics_of

MOST_PARTS = 500
"""Intercom sends the newest ones; the others cannot be read."""
SINCE = {
    "custom_attributes": "2.8",
    "linked_objects": "2.9",
    "ai_agent": "2.11",
    "ai_agent_participated": "2.11",
    "company": "2.16",
    "channel": "2.16",
    "external_references": "2.16",
    "sales_agent_participated": "2.16",
    "ai_topics": "Preview",
}
OLD_PRIORITIES = {"none": "not_priority", "high": "priority"}

Has = Callable[[str], bool]
"""Whether the version of a request has what came with another one."""


def shown_conversation(conversation: Json, parts: Sequence[Json], has: Has) -> Json:
    """A conversation in a list: without its parts."""
    fields: Json = {name: value for name, value in conversation.items() if has(SINCE.get(name, "2.7"))}
    if not has("2.16"):
        fields["priority"] = OLD_PRIORITIES[conversation["priority"]]
    rating = conversation["conversation_rating"]
    if rating and not has("2.14"):
        fields["conversation_rating"] = {name: value for name, value in rating.items() if name != "updated_at"}
    return {**fields, "statistics": statistics_of(conversation, parts) if parts else None}


def parts_shown(parts: Sequence[Json], kind: str) -> Json:
    """The newest parts of a conversation, or of a ticket."""
    return {"type": f"{kind}_part.list", f"{kind}_parts": list(parts[-MOST_PARTS:]), "total_count": len(parts)}


def shown_ticket(ticket: Json, parts: Sequence[Json], has: Has) -> Json:
    """A ticket, with its parts."""
    shown: Json = {**ticket, "ticket_parts": parts_shown(parts, "ticket")}
    if not has("2.16"):
        del shown["previous_ticket_state_id"]
        shown |= {name: str(ticket[name]) for name in ("admin_assignee_id", "team_assignee_id")}
    if not has("2.14"):
        shown |= _old_state(ticket["ticket_state"])
    return shown


def _old_state(state: Json) -> Json:
    labels: dict[str, Any] = {f"ticket_state_{name}": state[name] for name in ("internal_label", "external_label")}
    return {"ticket_state": state["category"], **labels}
