"""Random changes of a workspace over some days: of contacts (new, seen, changed, deleted) and of segments."""

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from ..people import PLANS, TAGS
from ..segments import TEMPLATES, All, Attribute, Rule, Segment, generated_template

if TYPE_CHECKING:
    from .workspace import Workspace

HOURS_BETWEEN_BURSTS = (2, 8)
SEGMENT_CHANGES_A_DAY = 0.25
RENAMED = " (renamed)"

# The first segments of a workspace never change, so that tests and the demo's readers can rely on them.
PERMANENT = frozenset(template.name for template in TEMPLATES[:6])
REFINEMENT = Attribute("unsubscribed_from_emails", "=", False)


def live(workspace: "Workspace", random: Random, *, days: float, churn: float, silent: float) -> None:
    """Moves the clock by `days` in bursts some hours apart, and changes a share `churn` of the contacts a day."""
    left = days * 24
    while left > 0:
        hours = min(left, random.uniform(*HOURS_BETWEEN_BURSTS))
        left -= hours
        changes = _rounded(random, len(workspace.contacts) * churn * hours / 24)
        _burst(workspace, random, hours, changes, silent)
        if random.random() < SEGMENT_CHANGES_A_DAY * hours / 24:
            _change_a_segment(workspace, random)


def _burst(workspace: "Workspace", random: Random, hours: float, changes: int, silent: float) -> None:
    """Spreads the changes over the hours, so that each has its own time and members age in between."""
    ids = list(workspace.contacts)
    for _ in range(changes):
        workspace.advance(hours=hours / (changes + 1))
        _change_a_contact(workspace, random, _recently_seen(workspace, random, ids), silent)
    workspace.advance(hours=hours / (changes + 1))


def _recently_seen(workspace: "Workspace", random: Random, ids: list[str]) -> str | None:
    """The contact seen last out of four random ones: so the number of active contacts stays about the same."""
    candidates = (
        [contact_id for contact_id in random.choices(ids, k=4) if contact_id in workspace.contacts] if ids else []
    )
    return max(
        candidates, key=lambda contact_id: workspace.contacts[contact_id].value("last_seen_at") or 0, default=None
    )


def _change_a_contact(workspace: "Workspace", random: Random, contact_id: str | None, silent: float) -> None:
    """One random event; without a contact, a sign-up."""
    (event,) = random.choices(("see", "update", "sign up", "tag", "delete"), (55, 20, 12, 10, 3))
    if contact_id is None or event == "sign up":
        workspace.sign_up(role=random.choice(["user", "user", "user", "lead"]))
    elif event == "update":
        now = int(workspace.now().timestamp())
        workspace.update(contact_id, **random.choice(_UPDATES)(random, now))
    elif event == "see":
        _see(workspace, contact_id, silently=random.random() < silent)
    elif event == "tag":
        _toggle_tag(workspace, contact_id, random.choice(TAGS))
    else:
        workspace.delete(contact_id)


def _see(workspace: "Workspace", contact_id: str, *, silently: bool) -> None:
    if silently:
        workspace.see(contact_id)
    else:
        workspace.update(contact_id, last_seen_at=int(workspace.now().timestamp()))


def _toggle_tag(workspace: "Workspace", contact_id: str, name: str) -> None:
    has_it = name in workspace.contacts[contact_id].tags
    (workspace.untag if has_it else workspace.tag)(contact_id, name)


def _new_plan(random: Random, now: int) -> Mapping[str, Any]:
    plan = random.choice(PLANS)
    spend = round(random.expovariate(1 / 180), 2) if plan in ("pro", "team", "enterprise") else None
    return {"custom_attributes": {"plan": plan, "monthly_spend": spend}}


def _more_sessions(random: Random, now: int) -> Mapping[str, Any]:
    return {"custom_attributes": {"sessions": int(random.paretovariate(0.6))}}


def _new_email(random: Random, now: int) -> Mapping[str, Any]:
    return {"email": random.choice([None, f"{random.getrandbits(32):08x}@example.net"])}


def _bounce(random: Random, now: int) -> Mapping[str, Any]:
    return {"has_hard_bounced": random.random() < 0.5, "unsubscribed_from_emails": random.random() < 0.5}


def _reply(random: Random, now: int) -> Mapping[str, Any]:
    return {"last_replied_at": now, "last_seen_at": now}


def _read_email(random: Random, now: int) -> Mapping[str, Any]:
    return {"last_email_opened_at": now, "last_email_clicked_at": now if random.random() < 0.3 else None}


_UPDATES: tuple[Callable[[Random, int], Mapping[str, Any]], ...] = (
    *(_new_plan, _more_sessions, _new_email, _bounce),
    *(_reply, _reply, _read_email),
)


def _change_a_segment(workspace: "Workspace", random: Random) -> None:
    """Creates a segment; or renames, edits or deletes one that is not permanent."""
    candidates = [segment for segment in workspace.segments.values() if segment.name not in PERMANENT]
    change = random.choice(["make", "make", "rename", "edit", "delete"])
    if change == "make" or not candidates:
        _make_a_segment(workspace, random)
        return
    segment = random.choice(candidates)
    if change == "rename":
        workspace.rename_segment(segment.id, _other_name(segment))
    elif change == "edit":
        workspace.edit_segment(segment.id, _other_rule(segment.rule))
    else:
        workspace.delete_segment(segment.id)


def _make_a_segment(workspace: "Workspace", random: Random) -> None:
    taken = {segment.name for segment in workspace.segments.values()}
    template = generated_template(random.randrange(300))
    if template.name not in taken:
        workspace.make_segment(template.name, template.rule, template.person_type)


def _other_name(segment: Segment) -> str:
    name = segment.name.removesuffix(RENAMED)
    return name if name != segment.name else f"{name}{RENAMED}"


def _other_rule(rule: Rule) -> Rule:
    """The rule limited to subscribers of e-mail; an already limited one without the limit."""
    if isinstance(rule, All) and rule.rules[-1] == REFINEMENT:
        return rule.rules[0]
    return All((rule, REFINEMENT))


def _rounded(random: Random, number: float) -> int:
    """Rounds up or down at random, so that small workspaces change, too."""
    return int(number) + (random.random() < number % 1)
