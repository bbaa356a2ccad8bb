"""Random changes of conversations and tickets: new ones, replies, ratings, closings, deletions, and silent changes."""

from collections.abc import Callable
from random import Random

from .desk import Desk

Change = Callable[[Desk, Random, int], None]


def live_support(desk: Desk, random: Random, now: int, changes: int) -> None:
    """As many changes, each of a random conversation or ticket. `now`: epoch seconds."""
    for _ in range(changes):
        random.choice(_CHANGES)(desk, random, now)


def _new(desk: Desk, random: Random, now: int) -> None:
    desk.start(desk.any_contact(), now, by_admin=random.random() < 0.3)


def _said(desk: Desk, random: Random, now: int) -> None:
    for kind in random.choices((desk.reply, desk.answer, desk.note), k=3):
        kind(_one(desk, random), now)


def _moved(desk: Desk, random: Random, now: int) -> None:
    random.choice((desk.assign, desk.close, desk.snooze, desk.add_person))(_one(desk, random), now)


def _reopened(desk: Desk, random: Random, now: int) -> None:
    closed = [key for key, one in desk.conversations.items() if not one["open"]]
    if closed:
        desk.reply(random.choice(closed), now)


def _rated(desk: Desk, random: Random, now: int) -> None:
    desk.rate(_one(desk, random), random.randrange(1, 6), now, silently=random.random() < 0.3)


def _tagged(desk: Desk, random: Random, now: int) -> None:
    desk.tag(_one(desk, random), now, silently=random.random() < 0.3)


def _settled(desk: Desk, random: Random, now: int) -> None:
    desk.settle(_one(desk, random))


def _deleted(desk: Desk, random: Random, now: int) -> None:
    if len(desk.conversations) > 1:
        desk.delete(_one(desk, random), now)


def _submitted(desk: Desk, random: Random, now: int) -> None:
    desk.submit(desk.any_contact(), now)


def _worked(desk: Desk, random: Random, now: int) -> None:
    if desk.tickets:
        ticket_id = random.choice(list(desk.tickets))
        desk.comment(ticket_id, now)
        desk.move(ticket_id, random.choice(("in_progress", "resolved")), now)


def _linked(desk: Desk, random: Random, now: int) -> None:
    if desk.tickets:
        desk.link(_one(desk, random), random.choice(list(desk.tickets)), now)


def _deleted_ticket(desk: Desk, random: Random, now: int) -> None:
    if len(desk.tickets) > 1:
        desk.delete_ticket(random.choice(list(desk.tickets)))


def _one(desk: Desk, random: Random) -> str:
    """A conversation. There is always one: the last one is never deleted."""
    return random.choice(list(desk.conversations))


_CHANGES: tuple[Change, ...] = (
    *(_new, _new, _said, _said, _moved, _moved, _reopened, _rated, _tagged, _settled, _deleted),
    *(_submitted, _worked, _worked, _linked, _deleted_ticket),
)
