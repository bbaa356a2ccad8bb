"""Segments as Intercom describes them, each with the rule that Intercom keeps to itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice

from ..people import COUNTRIES, Contact, Json
from .rules import All, Any, Attribute, Everyone, Nobody, OlderThan, Rule, Tagged, Within


@dataclass(frozen=True)
class Segment:
    """One version of a segment's definition; the timestamps are epoch seconds.

    `person_type` is only what Intercom reports ("user", or "contact" for leads): the rule alone decides.
    """

    id: str
    name: str
    person_type: str
    created_at: int
    updated_at: int
    rule: Rule

    def json(self) -> Json:
        """The object as it goes over the wire, without a count."""
        return {
            "type": "segment",
            "id": self.id,
            "name": self.name,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "person_type": self.person_type,
        }


@dataclass(frozen=True)
class Outline:
    """What somebody types in to make a segment."""

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

# The first ones are in every workspace, however small: Intercom's own three, everyone, no one, an awkward name.
OUTLINES = (
    Outline("Active", Within("last_seen_at", 14)),
    Outline("New", Within("signed_up_at", 30)),
    Outline("Slipping Away", All((OlderThan("last_seen_at", 30), Within("last_seen_at", 60)))),
    Outline("Everyone", Everyone()),
    Outline("Customers on the Moon", Nobody()),
    Outline('O\'Hara & "Sons" <b>; drop table--', _O_HARA),
    Outline("Paying", _PAYING),
    Outline("Trial", _TRIAL),
    Outline("Fresh Leads", All((_LEAD, Within("created_at", 7))), "contact"),
    Outline("Churn Risk", All((_PAYING, OlderThan("last_seen_at", 21)))),
    Outline("Power Users 🚀", Attribute("custom_attributes.sessions", ">", 40)),
    Outline("Went Quiet", OlderThan("last_seen_at", 90)),
    Outline("Signed Up This Week", Within("signed_up_at", 7)),
    Outline("Beta Testers", Tagged("beta")),
    Outline("VIP", Tagged("vip")),
    Outline("Trials Ending", All((_TRIAL, OlderThan("created_at", 11), Within("created_at", 14)))),
    Outline("All Leads", _LEAD, "contact"),
    Outline("No E-mail Address", Attribute("email", "=", None)),
    Outline("High Value", Attribute("custom_attributes.monthly_spend", ">", 500)),
    Outline("Newsletter Readers", All((Tagged("newsletter"), Within("last_email_opened_at", 30)))),
    Outline("Recently Replied", Within("last_replied_at", 7)),
    Outline("Bounced", Attribute("has_hard_bounced", "=", True)),
    Outline("On a Phone", _ON_A_PHONE),
    Outline("With Us for a Year", OlderThan("created_at", 365)),
    Outline("Enterprise Admins", All((_ENTERPRISE, _ADMIN))),
)


def outlines(how_many: int) -> list[Outline]:
    """A realistic mix: a third and more ruled by time, from nobody to everyone; beyond 25 by simple families."""
    return [*OUTLINES[:how_many], *islice(_further(), max(0, how_many - len(OUTLINES)))]


def sparse_outlines(how_many: int, memberships: float, people: Sequence[Contact], now: int) -> list[Outline]:
    """Of the same mix the first ones that together give these people at most so many memberships each, on average."""
    chosen, left = list[Outline](), memberships * len(people)
    for outline in chain(OUTLINES, _further()):
        if len(chosen) == how_many:
            break
        members = sum(outline.rule.holds(person, now) for person in people)
        if members <= left:
            chosen.append(outline)
            left -= members
    return chosen


def family_outline(number: int) -> Outline:
    """The segment with that number among those that simple families make; `number` starts at 0."""
    step, family = divmod(number, len(_FAMILIES))
    return _FAMILIES[family](step + 3)


def _further() -> Iterator[Outline]:
    return map(family_outline, count())


def _seen(days: int) -> Outline:
    return Outline(f"Seen in the Last {days} Days", Within("last_seen_at", days))


def _unseen(days: int) -> Outline:
    return Outline(f"Not Seen for {days} Days", OlderThan("last_seen_at", days))


def _spenders(step: int) -> Outline:
    amount = 25 * step
    return Outline(f"Spends More Than {amount}", Attribute("custom_attributes.monthly_spend", ">", amount))


def _regulars(sessions: int) -> Outline:
    return Outline(f"More Than {sessions} Sessions", Attribute("custom_attributes.sessions", ">", sessions))


def _compatriots(weeks: int) -> Outline:
    country = list(COUNTRIES.values())[weeks % len(COUNTRIES)][0]
    rule = All((Attribute("location.country", "=", country), Within("created_at", weeks * 7)))
    return Outline(f"{country}: Joined in the Last {weeks} Weeks", rule)


_FAMILIES = (_seen, _spenders, _unseen, _regulars, _compatriots)
