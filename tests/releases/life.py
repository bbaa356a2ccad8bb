"""The workspace of each release's archived warehouse. Only the contacts' generated attributes are random.

It must not change: after an upgrade, a test syncs the same workspace again.
"""

from collections.abc import Callable

from sandbox.segments import All, Attribute, Rule
from sandbox.segments.rules import Everyone, OlderThan, Tagged, Within
from sandbox.world import Workspace

from ..support.deployments import START, standing_still

CONTACTS = 60
SEGMENTS: dict[str, Rule] = {
    "Everyone": Everyone(),
    "Paying": Attribute("custom_attributes.plan", "IN", ("pro", "team")),
    "Crowd": Tagged("crowd"),
    "New": Within("signed_up_at", 2),
    "Settled": All((OlderThan("signed_up_at", 2), Tagged("crowd"))),
}


def workspace_at_first() -> Workspace:
    """The workspace at the first run. All ids are fixed."""
    workspace = Workspace(contacts=0, segments=0, seed=5, start=START, monotonic=standing_still)
    for number in range(CONTACTS):
        sign_up(workspace, number)
    for name, rule in SEGMENTS.items():
        workspace.make_segment(name, rule)
    return workspace


def sign_up(workspace: Workspace, number: int) -> None:
    """Every third contact pays, every fourth is in the crowd."""
    plan = "pro" if number % 3 == 0 else "free"
    now = int(workspace.now().timestamp())
    workspace.sign_up(id=contact_id(number), signed_up_at=now, custom_attributes={"plan": plan})
    if number % 4 == 0:
        workspace.tag(contact_id(number), "crowd")


def contact_id(number: int) -> str:
    """The id of a contact."""
    return f"{number:024x}"


def second_day(workspace: Workspace) -> None:
    """Contacts leave and join segments, two sign up, and one is deleted, one archived, one merged."""
    for number in (0, 4, 8):
        workspace.untag(contact_id(number), "crowd")
    for number in (1, 2):
        workspace.update(contact_id(number), custom_attributes={"plan": "team"})
    for number in (60, 61):
        sign_up(workspace, number)
    workspace.delete(contact_id(12))
    workspace.archive(contact_id(16))
    workspace.merge(contact_id(20), contact_id(21))


def third_day(workspace: Workspace) -> None:
    """A contact rejoins a segment, one is unarchived, and a segment is edited; New empties too fast to be believed."""
    workspace.tag(contact_id(0), "crowd")
    workspace.unarchive(contact_id(16))
    (paying,) = (segment.id for segment in workspace.segments.values() if segment.name == "Paying")
    workspace.edit_segment(paying, Attribute("custom_attributes.plan", "=", "pro"))


def fourth_day(workspace: Workspace) -> None:
    """A segment is deleted."""
    (settled,) = (segment.id for segment in workspace.segments.values() if segment.name == "Settled")
    workspace.delete_segment(settled)


def day_of_the_upgrade(workspace: Workspace) -> None:
    """Changes for the first sync of a later release."""
    for number in (24, 28):
        workspace.untag(contact_id(number), "crowd")
    workspace.tag(contact_id(31), "crowd")
    workspace.delete(contact_id(33))
    sign_up(workspace, 62)


DAYS: tuple[Callable[[Workspace], None], ...] = (second_day, third_day, fourth_day)


def pass_a_day(workspace: Workspace, events: Callable[[Workspace], None]) -> None:
    """Moves the clock by a day; the events happen one hour before its end."""
    workspace.advance(hours=23)
    events(workspace)
    workspace.advance(hours=1)
