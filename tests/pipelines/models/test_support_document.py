"""The numbers that docs/support.md works out by hand are those of the marts."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from pipelines.settings import ROOT
from sandbox.support import Desk

from ...support.desks import support_deployment

DOCUMENT = ROOT / "docs" / "support.md"
ADMINS = {"A": "991000001", "B": "991000002"}


def tables() -> Iterator[list[list[str]]]:
    """The tables below the last heading, without their first two lines."""
    text = DOCUMENT.read_text(encoding="utf-8").rpartition("## ")[2]
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        yield [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def play(desk: Desk, conversation: str, what: str, admin: str, at: int) -> None:
    by_admin: dict[str, Callable[[str, int, str], None]] = {
        "is assigned": desk.assign,
        "replies": desk.answer,
        "closes": desk.close,
    }
    if admin:
        by_admin[what](conversation, at, admin)
    elif what == "replies":
        desk.reply(conversation, at)


def test_numbers_by_hand_are_those_of_the_marts(tmp_path: Path) -> None:
    told, states, numbers = tables()
    deployment = support_deployment(
        tmp_path / "data", "conversation_parts", "tickets", has_marts=True, conversations=0, tickets=0
    )
    desk, day = deployment.workspace.desk, deployment.workspace.now().date()

    def at(time: str) -> int:
        return int(datetime.fromisoformat(f"{day} {time}+00:00").timestamp())

    (began, _, _), *rest = told
    conversation = desk.start(desk.any_contact(), at(began))
    for time, who, what in rest:
        play(desk, conversation, what, ADMINS.get(who, ""), at(time))
    ticket = desk.submit(desk.any_contact(), at(states[0][0]))
    for time, _, state in states[1:]:
        desk.move(ticket, state, at(time))
    deployment.workspace.advance(hours=6)

    deployment.sync()

    assert len(numbers) == 6
    for number, column, where, _, value in numbers:
        mart, _, name = column.partition(".")
        conditions = {"": "true", "resolved": "ticket_state = 'resolved'"}
        condition = conditions.get(where) or f"admin_id = '{ADMINS[where]}'"
        rows = deployment.query(f"select {name} from intercom.{mart} where {condition}")
        assert rows == [(int(value),)], number
