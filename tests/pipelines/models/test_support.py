"""The marts about conversations equal what plain Python computes from the workspace."""

from pathlib import Path
from typing import Any

import pytest

from sandbox.people import Json
from sandbox.segments.rules import Everyone, Tagged

from ...support.deployments import Deployment
from ...support.desks import support_deployment, synced_support

METRICS = """
    select
        conversation_id, started_by, state, rating, first_admin_id, last_admin_id, admin_count, part_count,
        contact_reply_count, admin_reply_count, note_count, assignment_count, close_count, reopen_count,
        seconds_to_first_admin_reply, seconds_to_first_assignment, seconds_to_first_close, seconds_to_last_close,
        has_all_parts
    from intercom.conversation_metrics
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
        True,
    )


def expected(deployment: Deployment) -> set[tuple[Any, ...]]:
    desk = deployment.workspace.desk
    return {metrics(one, desk.parts[key]) for key, one in desk.conversations.items()}


def test_metrics_equal_a_computation_in_python_through_a_day(tmp_path: Path) -> None:
    deployment = synced_support(tmp_path / "data", "conversation_parts")
    workspace = deployment.workspace
    assert set(deployment.query(METRICS)) == expected(deployment)
    for _ in range(30):
        workspace.advance(minutes=9)
        workspace.live_support(2)
    workspace.advance(days=8)

    deployment.sync()

    found = deployment.query(METRICS)
    assert set(found) == expected(deployment)
    assert len(found) == len(workspace.desk.conversations)


def test_a_conversation_that_lost_parts_before_the_first_reading_says_so(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", "conversation_parts", conversations=1)
    (one,) = deployment.workspace.desk.conversations
    for second in range(501):
        deployment.workspace.desk.note(one, second)

    deployment.sync()

    assert deployment.query("select has_all_parts, part_count from intercom.conversation_metrics") == [(False, 500)]


@pytest.mark.nightly
def test_segments_are_those_of_the_contact_when_the_conversation_began(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", "conversations", segments=0, conversations=30)
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
