"""The marts about conversations equal what plain Python computes from the workspace."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.people import Json
from sandbox.segments.rules import Everyone, Tagged
from sandbox.support import statistics_of

from ...support.deployments import Deployment
from ...support.desks import support_deployment, synced_support

METRICS = """
    select
        conversation_id, started_by, state, rating, first_admin_id, last_admin_id, admin_count, part_count,
        contact_reply_count, admin_reply_count, note_count, assignment_count, close_count, reopen_count,
        seconds_to_first_admin_reply, seconds_to_first_assignment, seconds_to_first_close, seconds_to_last_close,
        admin_assignee_id, team_assignee_id, office_seconds_to_first_admin_reply, office_seconds_to_first_close,
        office_seconds_to_last_close, handling_seconds, has_all_parts
    from intercom.conversation_metrics
"""


OF_INTERCOM = ("time_to_admin_reply", "time_to_first_close", "time_to_last_close", "handling_time")
OF_ADMINS = """
    select
        admin_id, acted_on, conversation_count, reply_count, note_count, assignment_count, close_count, assigned_count,
        first_reply_count, first_reply_seconds, rating_count, rating_sum, first_act_at, last_act_at
    from intercom.admin_metrics
"""
OF_TEAMS = """
    select
        team_id, began_on, conversation_count, closed_count, reopened_count, contact_reply_count, admin_reply_count,
        note_count, first_reply_count, first_reply_seconds, close_count, close_seconds, rating_count, rating_sum,
        office_first_reply_count, office_first_reply_seconds, handling_count, handling_seconds
    from intercom.team_metrics
"""
OF_TICKETS = """
    select
        ticket_id, event_number, event, part_id, author_id, previous_ticket_state, ticket_state,
        seconds_since_creation, seconds_in_previous_state, happened_at
    from intercom.ticket_events
"""


def metrics(conversation: Json, parts: list[Json]) -> tuple[Any, ...]:
    """A row of the mart, from all that has happened in a conversation."""
    replies = [one for one in parts if one["part_type"] == "comment" and one["author"]["type"] == "admin"]
    written = [one for one in parts if one["author"]["type"] == "user" and one["part_type"] in ("comment", "open")]
    admins = [one["author"]["id"] for one in replies]
    counts = [sum(one["part_type"] == kind for one in parts) for kind in ("note", "assignment", "close", "open")]
    rating = conversation["conversation_rating"]

    def since(kind: list[Json]) -> int | None:
        return kind[0]["created_at"] - conversation["created_at"] if kind else None

    assigned, closed = ([one for one in parts if one["part_type"] == kind] for kind in ("assignment", "close"))
    return (
        conversation["id"],
        {"user": "contact", "admin": "admin"}[conversation["source"]["author"]["type"]],
        conversation["state"],
        rating and rating["rating"],
        admins[0] if admins else None,
        admins[-1] if admins else None,
        len(set(admins)),
        len(parts),
        len(written),
        len(replies),
        *counts,
        since(replies),
        since(assigned),
        since(closed),
        since(closed[-1:]),
        *(conversation[name] and str(conversation[name]) for name in ("admin_assignee_id", "team_assignee_id")),
        *(counted(conversation, parts, name) for name in OF_INTERCOM),
        True,
    )


def counted(conversation: Json, parts: list[Json], name: str) -> Any:
    """What Intercom counts of a conversation that has parts."""
    return statistics_of(conversation, parts)[name] if parts else None


def expected(deployment: Deployment) -> set[tuple[Any, ...]]:
    desk = deployment.workspace.desk
    return {metrics(one, desk.parts[key]) for key, one in desk.conversations.items()}


def acts(deployment: Deployment) -> Iterator[tuple[str, str, str, int, int]]:
    """What teammates did: who, in which conversation, what, when, and a number that belongs to it."""
    desk = deployment.workspace.desk
    for key, one in desk.conversations.items():
        replies = [part for part in desk.parts[key] if part["part_type"] == "comment" and is_of_admin(part)]
        for part in desk.parts[key]:
            if is_of_admin(part) and part["part_type"] in ("comment", "note", "assignment", "close"):
                yield part["author"]["id"], key, part["part_type"], part["created_at"], 0
            if part["assigned_to"]:
                yield part["assigned_to"]["id"], key, "assigned", part["created_at"], 0
        for part in replies[:1]:
            waited = part["created_at"] - one["created_at"]
            yield part["author"]["id"], key, "first", part["created_at"], waited
        if rating := one["conversation_rating"]:
            yield rating["teammate"]["id"], key, "rating", rating["updated_at"], rating["rating"]


def is_of_admin(part: Json) -> bool:
    return bool(part["author"]["type"] == "admin")


def expected_admins(deployment: Deployment) -> set[tuple[Any, ...]]:
    days: dict[tuple[str, date], list[tuple[str, str, int, int]]] = {}
    for admin, key, kind, at, number in acts(deployment):
        days.setdefault((admin, datetime.fromtimestamp(at, UTC).date()), []).append((key, kind, at, number))
    rows = set()
    for day, done in days.items():
        counts = Counter(kind for _, kind, _, _ in done)
        sums = {kind: sum(number for _, one, _, number in done if one == kind) for kind in ("first", "rating")}
        own = {key for key, kind, _, _ in done if kind in ("comment", "note", "assignment", "close")}
        times = sorted(datetime.fromtimestamp(at, UTC) for _, _, at, _ in done)
        kinds = ("comment", "note", "assignment", "close", "assigned", "first")
        numbers = (*(counts[kind] for kind in kinds), sums["first"], counts["rating"], sums["rating"])
        rows.add((*day, len(own), *numbers, times[0], times[-1]))
    return rows


def expected_teams(deployment: Deployment) -> set[tuple[Any, ...]]:
    desk = deployment.workspace.desk
    days: dict[tuple[str, date], list[Json]] = {}
    for one in desk.conversations.values():
        if one["team_assignee_id"]:
            day = datetime.fromtimestamp(one["created_at"], UTC).date()
            days.setdefault((str(one["team_assignee_id"]), day), []).append(one)
    return {(*day, *of_team(deployment, conversations)) for day, conversations in days.items()}


def of_team(deployment: Deployment, conversations: list[Json]) -> tuple[int, ...]:
    """The columns of a row behind its key: counts, and pairs of a count and a sum."""
    parts = {one["id"]: deployment.workspace.desk.parts[one["id"]] for one in conversations}
    everything = [part for some in parts.values() for part in some]
    ratings = [one["conversation_rating"]["rating"] for one in conversations if one["conversation_rating"]]
    first, closed, office, handled = list[int](), list[int](), list[int](), list[int]()
    for one in conversations:
        replies = [part for part in parts[one["id"]] if is_of_admin(part) and part["part_type"] == "comment"]
        closes = [part for part in parts[one["id"]] if part["part_type"] == "close"]
        first += [part["created_at"] - one["created_at"] for part in replies[:1]]
        closed += [part["created_at"] - one["created_at"] for part in closes[-1:]]
        counts = statistics_of(one, parts[one["id"]]) if parts[one["id"]] else {}
        office += [counts["time_to_admin_reply"]] if counts.get("time_to_admin_reply") is not None else []
        handled += [counts["handling_time"]] if counts else []
    return (
        len(conversations),
        sum(one["state"] == "closed" for one in conversations),
        sum(any(part["part_type"] == "open" for part in some) for some in parts.values()),
        sum(part["author"]["type"] == "user" and part["part_type"] in ("comment", "open") for part in everything),
        sum(is_of_admin(part) and part["part_type"] == "comment" for part in everything),
        sum(part["part_type"] == "note" for part in everything),
        *(number for some in (first, closed, ratings, office, handled) for number in (len(some), sum(some))),
    )


def expected_tickets(deployment: Deployment) -> set[tuple[Any, ...]]:
    desk, rows = deployment.workspace.desk, set[tuple[Any, ...]]()
    for key, ticket in desk.tickets.items():
        began = since = ticket["created_at"]
        rows.add((key, 1, "created", None, None, None, None, 0, None, datetime.fromtimestamp(began, UTC)))
        ordered = sorted(desk.parts[key], key=lambda part: (part["created_at"], int(part["id"])))
        for number, part in enumerate(ordered, start=2):
            at, is_move = part["created_at"], part["part_type"] == "ticket_state_updated_by_admin"
            event = "state_changed" if is_move else "reply"
            states = part["previous_ticket_state"], part["ticket_state"]
            spent, since = (at - since, at) if is_move else (None, since)
            author, time = part["author"]["id"], datetime.fromtimestamp(at, UTC)
            rows.add((key, number, event, part["id"], author, *states, at - began, spent, time))
    return rows


def differences(deployment: Deployment) -> dict[str, int]:
    """How many rows of each mart differ from those computed here."""
    pairs = {
        METRICS: expected(deployment),
        OF_ADMINS: expected_admins(deployment),
        OF_TEAMS: expected_teams(deployment),
        OF_TICKETS: expected_tickets(deployment),
    }
    found = {query: len(set(deployment.query(query)) ^ rows) for query, rows in pairs.items()}
    assert all(pairs.values())
    return {query: count for query, count in found.items() if count}


def test_metrics_equal_a_computation_in_python_through_a_day(tmp_path: Path) -> None:
    deployment = synced_support(tmp_path / "data", "conversation_parts", "tickets", has_marts=True)
    workspace = deployment.workspace
    assert differences(deployment) == {}
    for _ in range(30):
        workspace.advance(minutes=9)
        workspace.live_support(2)
    workspace.advance(days=8)

    deployment.sync()

    assert differences(deployment) == {}
    ((count, keys),) = deployment.query(
        "select count(*), count(distinct (admin_id, acted_on)) from intercom.admin_metrics"
    )
    assert count == keys
    assert len(deployment.query(METRICS)) == len(workspace.desk.conversations)


def test_a_conversation_that_lost_parts_before_the_first_reading_says_so(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", "conversation_parts", has_marts=True, conversations=1)
    (one,) = deployment.workspace.desk.conversations
    for second in range(501):
        deployment.workspace.desk.note(one, second)

    deployment.sync()

    assert deployment.query("select has_all_parts, part_count from intercom.conversation_metrics") == [(False, 500)]


@pytest.mark.nightly
def test_segments_are_those_of_the_contact_when_the_conversation_began(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", "conversations", has_marts=True, segments=0, conversations=30)
    workspace = deployment.workspace
    everyone, tagged = workspace.make_segment("Everyone", Everyone()), workspace.make_segment("Tagged", Tagged("pilot"))
    inside, outside = list(workspace.contacts)[:2]
    workspace.tag(inside, "pilot")
    deployment.sync()
    workspace.advance(hours=1)
    began = int(workspace.now().timestamp())
    first, second = (workspace.desk.start(one, began) for one in (inside, outside))
    workspace.advance(hours=1)
    workspace.untag(inside, "pilot")
    workspace.tag(outside, "pilot")

    deployment.sync()

    rows = deployment.query(
        "select conversation_id, contact_id, segment_id, is_still_member, leave_reason "
        "from intercom.conversation_segments"
    )
    assert set(rows) == {
        (first, inside, everyone, True, None),
        (first, inside, tagged, False, "left"),
        (second, outside, everyone, True, None),
    }
    there = deployment.query("select table_name from information_schema.tables where table_schema = 'intercom'")
    assert ("conversation_metrics",) not in there  # it needs the parts, which this warehouse does not read


def test_attributes_of_tickets_have_columns_of_their_types(tmp_path: Path) -> None:
    deployment = support_deployment(
        tmp_path / "data", "tickets", "ticket_types", has_marts=True, conversations=0, tickets=3
    )
    desk, types = deployment.workspace.desk, deployment.workspace.lists["ticket_types"]
    kind = types.of()["67"]
    listed = {**kind["ticket_type_attributes"]["data"][0], "id": "99", "name": "Hours", "data_type": "decimal"}
    data = [*kind["ticket_type_attributes"]["data"], listed]
    types.put({**kind, "ticket_type_attributes": {"type": "list", "data": data}})
    first, second, third = desk.tickets
    desk.tickets[first]["ticket_attributes"] |= {"Seats": 3, "Is urgent": True, "Plan": "gold"}
    desk.tickets[second]["ticket_attributes"] |= {"Seats": 2.5, "Due": 1_700_000_000, "Files": [{"name": "a.png"}]}

    deployment.sync()

    rows = deployment.query(
        "select ticket_id, default_title, seats, is_urgent, plan, due, hours from intercom.ticket_attributes"
    )
    assert set(rows) == {
        (first, "Ticket 1", 3.0, True, "gold", None, None),
        (second, "Ticket 2", 2.5, None, None, 1_700_000_000, None),
        (third, "Ticket 3", None, None, None, None, None),
    }
    types_of = dict(
        deployment.query(
            "select column_name, data_type from information_schema.columns "
            "where table_schema = 'intercom' and table_name = 'ticket_attributes'"
        )
    )
    assert (types_of["seats"], types_of["hours"], types_of["files"]) == ("DOUBLE", "DOUBLE", "JSON")
    deployment.workspace.advance(hours=1)
    at = int(deployment.workspace.now().timestamp())
    desk.tickets[third]["ticket_attributes"]["Seats"] = "many"
    desk.comment(third, at)

    deployment.sync()

    assert set(deployment.query("select seats, progress from intercom.ticket_attributes")) == {
        ("3", None),
        ("2.5", None),
        ("many", at % 100),
    }
