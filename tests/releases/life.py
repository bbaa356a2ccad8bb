"""The workspace that each release's warehouse was made of: chance decides nothing in it but how people are called.

It must not change, since the workspace that is synced after an upgrade has to be the one of before.
"""

from collections.abc import Callable

from sandbox.segments import All, Attribute, Rule
from sandbox.segments.rules import Everyone, OlderThan, Tagged, Within
from sandbox.world import Workspace

from ..support.deployments import START, standing_still

PEOPLE = 60
SEGMENTS: dict[str, Rule] = {
    "Everyone": Everyone(),
    "Paying": Attribute("custom_attributes.plan", "IN", ("pro", "team")),
    "Crowd": Tagged("crowd"),
    "New": Within("signed_up_at", 2),
    "Settled": All((OlderThan("signed_up_at", 2), Tagged("crowd"))),
}


def workspace_at_first() -> Workspace:
    """As it was when the first day's run read it. Whoever comes has an id that no chance decides."""
    workspace = Workspace(contacts=0, segments=0, seed=5, start=START, monotonic=standing_still)
    for number in range(PEOPLE):
        sign_up(workspace, number)
    for name, rule in SEGMENTS.items():
        workspace.make_segment(name, rule)
    return workspace


def sign_up(workspace: Workspace, number: int) -> None:
    """Every third person pays, every fourth is in the crowd."""
    plan = "pro" if number % 3 == 0 else "free"
    now = int(workspace.now().timestamp())
    workspace.sign_up(id=person(number), signed_up_at=now, custom_attributes={"plan": plan})
    if number % 4 == 0:
        workspace.tag(person(number), "crowd")


def person(number: int) -> str:
    """A contact's id."""
    return f"{number:024x}"


def second_day(workspace: Workspace) -> None:
    """Some leave, some join, some come, and one of each way to go is taken."""
    for number in (0, 4, 8):
        workspace.untag(person(number), "crowd")
    for number in (1, 2):
        workspace.update(person(number), custom_attributes={"plan": "team"})
    for number in (60, 61):
        sign_up(workspace, number)
    workspace.delete(person(12))
    workspace.archive(person(16))
    workspace.merge(person(20), person(21))


def third_day(workspace: Workspace) -> None:
    """One comes back into a segment, one into the workspace; a segment is edited, and New empties unbelievably fast."""
    workspace.tag(person(0), "crowd")
    workspace.unarchive(person(16))
    (paying,) = (segment.id for segment in workspace.segments.values() if segment.name == "Paying")
    workspace.edit_segment(paying, Attribute("custom_attributes.plan", "=", "pro"))


def fourth_day(workspace: Workspace) -> None:
    """A segment goes."""
    (settled,) = (segment.id for segment in workspace.segments.values() if segment.name == "Settled")
    workspace.delete_segment(settled)


def day_of_the_upgrade(workspace: Workspace) -> None:
    """What a later release finds to do."""
    for number in (24, 28):
        workspace.untag(person(number), "crowd")
    workspace.tag(person(31), "crowd")
    workspace.delete(person(33))
    sign_up(workspace, 62)


DAYS: tuple[Callable[[Workspace], None], ...] = (second_day, third_day, fourth_day)


def pass_a_day(workspace: Workspace, events: Callable[[Workspace], None]) -> None:
    """A day passes; then all of it happens, an hour before the run."""
    workspace.advance(hours=23)
    events(workspace)
    workspace.advance(hours=1)
