"""Templates of segments for a generated workspace."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice

from ..people import COUNTRIES, Contact
from .rules import All, Any, Attribute, Everyone, Nobody, OlderThan, Rule, Tagged, Within


@dataclass(frozen=True)
class SegmentTemplate:
    name: str
    rule: Rule
    person_type: str = "user"


_PAYING = Attribute("custom_attributes.plan", "IN", ("pro", "team", "enterprise"))
_TRIAL = Attribute("custom_attributes.plan", "=", "trial")
_ENTERPRISE = Attribute("custom_attributes.plan", "=", "enterprise")
_ADMIN = Attribute("custom_attributes.is_admin", "=", True)
_O_HARA = Attribute("custom_attributes.account_name", "=", 'O\'Hara & "Sons"')
_LEAD = Attribute("role", "=", "lead")
_ON_A_PHONE = Any((Attribute("ios_device", "!=", None), Attribute("android_device", "!=", None)))

# A small workspace has the first ones: Intercom's own three, all contacts, no contacts, a name that needs escaping.
TEMPLATES = (
    SegmentTemplate("Active", Within("last_seen_at", 14)),
    SegmentTemplate("New", Within("signed_up_at", 30)),
    SegmentTemplate("Slipping Away", All((OlderThan("last_seen_at", 30), Within("last_seen_at", 60)))),
    SegmentTemplate("Everyone", Everyone()),
    SegmentTemplate("Customers on the Moon", Nobody()),
    SegmentTemplate('O\'Hara & "Sons" <b>; drop table--', _O_HARA),
    SegmentTemplate("Paying", _PAYING),
    SegmentTemplate("Trial", _TRIAL),
    SegmentTemplate("Fresh Leads", All((_LEAD, Within("created_at", 7))), "contact"),
    SegmentTemplate("Churn Risk", All((_PAYING, OlderThan("last_seen_at", 21)))),
    SegmentTemplate("Power Users 🚀", Attribute("custom_attributes.sessions", ">", 40)),
    SegmentTemplate("Went Quiet", OlderThan("last_seen_at", 90)),
    SegmentTemplate("Signed Up This Week", Within("signed_up_at", 7)),
    SegmentTemplate("Beta Testers", Tagged("beta")),
    SegmentTemplate("VIP", Tagged("vip")),
    SegmentTemplate("Trials Ending", All((_TRIAL, OlderThan("created_at", 11), Within("created_at", 14)))),
    SegmentTemplate("All Leads", _LEAD, "contact"),
    SegmentTemplate("No E-mail Address", Attribute("email", "=", None)),
    SegmentTemplate("High Value", Attribute("custom_attributes.monthly_spend", ">", 500)),
    SegmentTemplate("Newsletter Readers", All((Tagged("newsletter"), Within("last_email_opened_at", 30)))),
    SegmentTemplate("Recently Replied", Within("last_replied_at", 7)),
    SegmentTemplate("Bounced", Attribute("has_hard_bounced", "=", True)),
    SegmentTemplate("On a Phone", _ON_A_PHONE),
    SegmentTemplate("With Us for a Year", OlderThan("created_at", 365)),
    SegmentTemplate("Enterprise Admins", All((_ENTERPRISE, _ADMIN))),
)


def templates(limit: int) -> list[SegmentTemplate]:
    """A realistic mix of segments, more than a third of them with rules over time; from the 26th on generated ones."""
    return [*TEMPLATES[:limit], *islice(_generated_templates(), max(0, limit - len(TEMPLATES)))]


def sparse_templates(limit: int, memberships: float, contacts: Sequence[Contact], now: int) -> list[SegmentTemplate]:
    """The first templates that together put each contact into at most `memberships` segments on average."""
    chosen, left = list[SegmentTemplate](), memberships * len(contacts)
    for template in chain(TEMPLATES, _generated_templates()):
        if len(chosen) == limit:
            break
        members = sum(template.rule.holds(contact, now) for contact in contacts)
        if members <= left:
            chosen.append(template)
            left -= members
    return chosen


def generated_template(number: int) -> SegmentTemplate:
    """A template from a family of similar ones; `number` starts at 0."""
    step, family = divmod(number, len(_FAMILIES))
    return _FAMILIES[family](step + 3)


def _generated_templates() -> Iterator[SegmentTemplate]:
    return map(generated_template, count())


def _seen(days: int) -> SegmentTemplate:
    return SegmentTemplate(f"Seen in the Last {days} Days", Within("last_seen_at", days))


def _unseen(days: int) -> SegmentTemplate:
    return SegmentTemplate(f"Not Seen for {days} Days", OlderThan("last_seen_at", days))


def _spenders(step: int) -> SegmentTemplate:
    amount = 25 * step
    return SegmentTemplate(f"Spends More Than {amount}", Attribute("custom_attributes.monthly_spend", ">", amount))


def _regulars(sessions: int) -> SegmentTemplate:
    return SegmentTemplate(f"More Than {sessions} Sessions", Attribute("custom_attributes.sessions", ">", sessions))


def _compatriots(weeks: int) -> SegmentTemplate:
    country = list(COUNTRIES.values())[weeks % len(COUNTRIES)][0]
    rule = All((Attribute("location.country", "=", country), Within("created_at", weeks * 7)))
    return SegmentTemplate(f"{country}: Joined in the Last {weeks} Weeks", rule)


_FAMILIES = (_seen, _spenders, _unseen, _regulars, _compatriots)
