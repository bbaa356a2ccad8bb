"""The events of a workspace, each named by its method, so that a random life can be printed and repeated."""

from collections.abc import Sequence
from typing import TypeVar

from sandbox.people import PLANS
from sandbox.segments import TEMPLATES, All, Attribute, SegmentTemplate, generated_template
from sandbox.segments.rules import Tagged
from sandbox.world import Workspace

Thing = TypeVar("Thing")

FEWEST_CONTACTS = 20
WAVE = "wave"


class Life:
    """Simulates events. `pick` selects the contact, the segment and the values. An impossible event does nothing."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._archived: list[str] = []

    def happen(self, event: str, pick: int) -> None:
        getattr(self, event)(pick)

    def update(self, pick: int) -> None:
        plan = _chosen(PLANS, pick)
        self.workspace.update(self._contact(pick), custom_attributes={"plan": plan, "sessions": pick % 90})

    def visit(self, pick: int) -> None:
        self.workspace.update(self._contact(pick), last_seen_at=int(self.workspace.now().timestamp()))

    def visit_silently(self, pick: int) -> None:
        self.workspace.see(self._contact(pick))

    def track(self, pick: int) -> None:
        self.workspace.track(self._contact(pick), f"did-{pick % 4}", pick=pick)

    def tag(self, pick: int) -> None:
        self._toggle(self._contact(pick), _chosen(("beta", "vip", WAVE), pick))

    def tag_many(self, pick: int) -> None:
        """Toggles a tag on many contacts: every second time enough for the collapse guard."""
        for contact_id in sorted(self.workspace.contacts)[: 15 + pick % 25]:
            self._toggle(contact_id, WAVE)

    def sign_up(self, pick: int) -> None:
        self.workspace.sign_up(role=_chosen(("user", "user", "lead"), pick))

    def delete(self, pick: int) -> None:
        if len(self.workspace.contacts) > FEWEST_CONTACTS:
            self.workspace.delete(self._contact(pick))

    def block(self, pick: int) -> None:
        if len(self.workspace.contacts) > FEWEST_CONTACTS:
            self.workspace.block(self._contact(pick))

    def merge(self, pick: int) -> None:
        lead_id, user_id = self._contact(pick), self._contact(pick // 7 + 1)
        if lead_id != user_id and len(self.workspace.contacts) > FEWEST_CONTACTS:
            self.workspace.merge(lead_id, user_id)

    def archive(self, pick: int) -> None:
        if len(self.workspace.contacts) > FEWEST_CONTACTS:
            contact_id = self._contact(pick)
            self.workspace.archive(contact_id)
            self._archived.append(contact_id)

    def unarchive(self, pick: int) -> None:
        if self._archived:
            self.workspace.unarchive(self._archived.pop(pick % len(self._archived)))

    def make_segment(self, pick: int) -> None:
        template = _template(pick)
        self.workspace.make_segment(template.name, template.rule, template.person_type)

    def rename_segment(self, pick: int) -> None:
        if self.workspace.segments:
            self.workspace.rename_segment(self.segment(pick), f"Number {pick}")

    def edit_segment(self, pick: int) -> None:
        if self.workspace.segments:
            self.workspace.edit_segment(self.segment(pick), _template(pick // 5).rule)

    def refine_segment(self, pick: int) -> None:
        if self.workspace.segments:
            segment = self.workspace.segments[self.segment(pick)]
            subscribed = Attribute("unsubscribed_from_emails", "=", False)
            self.workspace.edit_segment(segment.id, All((segment.rule, subscribed)))

    def delete_segment(self, pick: int) -> None:
        if self.workspace.segments:
            self.workspace.delete_segment(self.segment(pick))

    def segment(self, pick: int) -> str:
        """One of the segments, of which there must be one."""
        return _chosen(list(self.workspace.segments), pick)

    def crowded_segment(self, pick: int) -> str:
        """One of the four largest segments: a fault of an empty page has no effect."""
        largest = sorted(self.workspace.segments, key=lambda one: (-len(self.workspace.members(one)), one))[:4]
        return _chosen(largest, pick)

    def _contact(self, pick: int) -> str:
        return _chosen(sorted(self.workspace.contacts), pick)

    def _toggle(self, contact_id: str, name: str) -> None:
        has_it = name in self.workspace.contacts[contact_id].tags
        (self.workspace.untag if has_it else self.workspace.tag)(contact_id, name)


OF_CONTACTS = (
    *("update", "visit", "visit_silently", "track", "tag", "tag_many", "sign_up"),
    *("delete", "block", "merge", "archive", "unarchive"),
)
OF_SEGMENTS = ("make_segment", "rename_segment", "edit_segment", "refine_segment", "delete_segment")


def _template(pick: int) -> SegmentTemplate:
    return _chosen((*TEMPLATES, SegmentTemplate("The Wave", Tagged(WAVE)), *map(generated_template, range(20))), pick)


def _chosen(things: Sequence[Thing], pick: int) -> Thing:
    return things[pick % len(things)]
