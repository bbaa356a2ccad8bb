"""What happens in a workspace while days go by: people come, change, are seen again and go; so do segments."""

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from ..people import PLANS, TAGS
from ..segments import OUTLINES, All, Attribute, Rule, Segment, family_outline

if TYPE_CHECKING:
    from .workspace import Workspace

HOURS_BETWEEN_BURSTS = (2, 8)
SEGMENT_CHANGES_A_DAY = 0.25
RENAMED = " (renamed)"

# The first segments of a workspace stay as they are, so that tests and readers can count on them.
LASTING = frozenset(outline.name for outline in OUTLINES[:6])
REFINEMENT = Attribute("unsubscribed_from_emails", "=", False)


def live(workspace: "Workspace", random: Random, *, days: float, churn: float, silent: float) -> None:
    """Moves the clock by `days` in bursts some hours apart, changing a share `churn` of the contacts a day."""
    left = days * 24
    while left > 0:
        hours = min(left, random.uniform(*HOURS_BETWEEN_BURSTS))
        left -= hours
        changes = _rounded(random, len(workspace.contacts) * churn * hours / 24)
        _burst(workspace, random, hours, changes, silent)
        if random.random() < SEGMENT_CHANGES_A_DAY * hours / 24:
            _change_a_segment(workspace, random)


def _burst(workspace: "Workspace", random: Random, hours: float, changes: int, silent: float) -> None:
    """Spreads the changes over the hours, so that each has its own moment and age does its work between."""
    ids = list(workspace.contacts)
    for _ in range(changes):
        workspace.advance(hours=hours / (changes + 1))
        _happen(workspace, random, _somebody(workspace, random, ids), silent)
    workspace.advance(hours=hours / (changes + 1))


def _somebody(workspace: "Workspace", random: Random, ids: list[str]) -> str | None:
    """Of a few the one seen last: who comes comes again, so that those who are active stay about as many."""
    few = [contact_id for contact_id in random.choices(ids, k=4) if contact_id in workspace.contacts] if ids else []
    return max(few, key=lambda contact_id: workspace.contacts[contact_id].value("last_seen_at") or 0, default=None)


def _happen(workspace: "Workspace", random: Random, contact_id: str | None, silent: float) -> None:
    """One event; without a contact it can only be that somebody signs up."""
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
    """Makes one, or renames, edits or deletes one that is not among the lasting ones."""
    candidates = [segment for segment in workspace.segments.values() if segment.name not in LASTING]
    what = random.choice(["make", "make", "rename", "edit", "delete"])
    if what == "make" or not candidates:
        _make_a_segment(workspace, random)
        return
    segment = random.choice(candidates)
    if what == "rename":
        workspace.rename_segment(segment.id, _other_name(segment))
    elif what == "edit":
        workspace.edit_segment(segment.id, _other_rule(segment.rule))
    else:
        workspace.delete_segment(segment.id)


def _make_a_segment(workspace: "Workspace", random: Random) -> None:
    taken = {segment.name for segment in workspace.segments.values()}
    outline = family_outline(random.randrange(300))
    if outline.name not in taken:
        workspace.make_segment(outline.name, outline.rule, outline.person_type)


def _other_name(segment: Segment) -> str:
    name = segment.name.removesuffix(RENAMED)
    return name if name != segment.name else f"{name}{RENAMED}"


def _other_rule(rule: Rule) -> Rule:
    """Only those who take e-mail, or everybody again."""
    if isinstance(rule, All) and rule.rules[-1] == REFINEMENT:
        return rule.rules[0]
    return All((rule, REFINEMENT))


def _rounded(random: Random, number: float) -> int:
    """Up or down by chance, so that small workspaces live too."""
    return int(number) + (random.random() < number % 1)
