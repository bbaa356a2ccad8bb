"""What a segment says about its members. A rule is asked about one contact at one moment (epoch seconds).

Rules over time change their answer while nobody touches the contact, but only at moments that can be computed;
`next_change` names the next one, so that members need not be counted again before it.
"""

import math
from dataclasses import dataclass
from typing import Protocol

from ..people import DAY_SECONDS, Contact
from .comparisons import ANY_TYPE


class Rule(Protocol):
    """A condition on a contact."""

    def holds(self, contact: Contact, at: int) -> bool:
        """Whether the contact meets the rule at that second."""

    def next_change(self, contact: Contact, at: int) -> int | None:
        """The first second after `at` when the answer may differ, if the contact stays as it is."""


class Timeless:
    """A rule that only an update of the contact can change."""

    def next_change(self, contact: Contact, at: int) -> int | None:
        """Never."""


@dataclass(frozen=True)
class Everyone(Timeless):
    """Holds for every contact."""

    def holds(self, contact: Contact, at: int) -> bool:
        """Always."""
        return True


@dataclass(frozen=True)
class Nobody(Timeless):
    """Holds for no contact."""

    def holds(self, contact: Contact, at: int) -> bool:
        """Never."""
        return False


@dataclass(frozen=True)
class Attribute(Timeless):
    """Compares an attribute, named as search names it, by search's own operators; IN and NIN take a tuple.

    An attribute without a value is None.
    """

    field: str
    operator: str
    value: object

    def holds(self, contact: Contact, at: int) -> bool:
        """Whether the comparison is true."""
        return ANY_TYPE[self.operator](contact.value(self.field), self.value)


@dataclass(frozen=True)
class Tagged(Timeless):
    """Holds for contacts with the tag of that name."""

    name: str

    def holds(self, contact: Contact, at: int) -> bool:
        """Whether the tag is there."""
        return self.name in contact.tags


@dataclass(frozen=True)
class Within:
    """Holds from a timestamp until `days` later: signed up less than 30 days ago. Never for one in the future."""

    field: str
    days: float

    def holds(self, contact: Contact, at: int) -> bool:
        """Whether the timestamp is at most that old."""
        moment = contact.value(self.field)
        return moment is not None and 0 <= at - moment < self.days * DAY_SECONDS

    def next_change(self, contact: Contact, at: int) -> int | None:
        """The timestamp itself, then the end of its days."""
        moment = contact.value(self.field)
        return None if moment is None else _first_after(at, moment, moment + self.days * DAY_SECONDS)


@dataclass(frozen=True)
class OlderThan:
    """Holds once a timestamp is `days` old: not seen for 14 days. Never where there is none."""

    field: str
    days: float

    def holds(self, contact: Contact, at: int) -> bool:
        """Whether the timestamp is that old."""
        moment = contact.value(self.field)
        return moment is not None and at - moment >= self.days * DAY_SECONDS

    def next_change(self, contact: Contact, at: int) -> int | None:
        """The moment the timestamp comes of age."""
        moment = contact.value(self.field)
        return None if moment is None else _first_after(at, moment + self.days * DAY_SECONDS)


@dataclass(frozen=True)
class All:
    """Holds where each of the rules does."""

    rules: tuple[Rule, ...]

    def holds(self, contact: Contact, at: int) -> bool:
        """Whether none of the rules fails."""
        return all(rule.holds(contact, at) for rule in self.rules)

    def next_change(self, contact: Contact, at: int) -> int | None:
        """The first change of any of the rules."""
        return _earliest(self.rules, contact, at)


@dataclass(frozen=True)
class Any:
    """Holds where at least one of the rules does."""

    rules: tuple[Rule, ...]

    def holds(self, contact: Contact, at: int) -> bool:
        """Whether one of the rules is met."""
        return any(rule.holds(contact, at) for rule in self.rules)

    def next_change(self, contact: Contact, at: int) -> int | None:
        """The first change of any of the rules."""
        return _earliest(self.rules, contact, at)


def _first_after(at: int, *moments: float) -> int | None:
    for moment in moments:
        if moment > at:
            return math.ceil(moment)
    return None


def _earliest(rules: tuple[Rule, ...], contact: Contact, at: int) -> int | None:
    changes = [change for rule in rules if (change := rule.next_change(contact, at)) is not None]
    return min(changes, default=None)
