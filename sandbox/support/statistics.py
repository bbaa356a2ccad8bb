"""What Intercom computes of a conversation from its parts."""

from collections.abc import Iterator, Sequence
from statistics import median_low
from typing import Any

from ..people import Json

REPLIES = ("comment", "open")
"""Kinds of parts with which a contact writes; the second opens a closed conversation again."""
SECONDS_OF_A_REPLY = 60


def statistics_of(conversation: Json, parts: Sequence[Json]) -> Json:
    """Times are epoch seconds, durations seconds; null where nothing of the kind has happened."""
    began = conversation["created_at"]
    contact = [one for one in parts if _is_of(one, "user", REPLIES)]
    answers = [one for one in parts if _is_of(one, "admin", ("comment",))]
    assigned = [one for one in parts if one["part_type"] == "assignment"]
    closed = [one for one in parts if one["part_type"] == "close"]
    after = [one["created_at"] for one in answers if assigned and one["created_at"] >= assigned[-1]["created_at"]]
    waits = list(_waits(conversation, parts))
    return {
        "type": "conversation_statistics",
        "time_to_assignment": _since(began, assigned[:1]),
        "time_to_admin_reply": _since(began, answers[:1]),
        "time_to_first_close": _since(began, closed[:1]),
        "time_to_last_close": _since(began, closed[-1:]),
        "median_time_to_reply": median_low(waits) if waits else None,
        "first_contact_reply_at": _time(contact[:1]),
        "first_assignment_at": _time(assigned[:1]),
        "first_admin_reply_at": _time(answers[:1]),
        "first_close_at": _time(closed[:1]),
        "last_assignment_at": _time(assigned[-1:]),
        "last_assignment_admin_reply_at": after[0] if after else None,
        "last_contact_reply_at": _time(contact[-1:]),
        "last_admin_reply_at": _time(answers[-1:]),
        "last_close_at": _time(closed[-1:]),
        "last_closed_by_id": closed[-1]["author"]["id"] if closed else None,
        "count_reopens": sum(one["part_type"] == "open" for one in parts),
        "count_assignments": len(assigned),
        "count_conversation_parts": len(parts),
        "handling_time": len(answers) * SECONDS_OF_A_REPLY,
        "adjusted_handling_time": None,
    }


def _is_of(part: Json, author: str, kinds: Sequence[str]) -> bool:
    return part["author"]["type"] == author and part["part_type"] in kinds


def _time(parts: Sequence[Json]) -> int | None:
    return next((one["created_at"] for one in parts), None)


def _since(began: int, parts: Sequence[Json]) -> int | None:
    return next((one["created_at"] - began for one in parts), None)


def _waits(conversation: Json, parts: Sequence[Json]) -> Iterator[int]:
    """Seconds from each message of a contact that waits to the answer of a teammate."""
    waiting: Any = conversation["created_at"] if conversation["source"]["author"]["type"] == "user" else None
    for one in parts:
        if _is_of(one, "user", REPLIES):
            waiting = one["created_at"] if waiting is None else waiting
        elif _is_of(one, "admin", ("comment",)) and waiting is not None:
            yield one["created_at"] - waiting
            waiting = None
