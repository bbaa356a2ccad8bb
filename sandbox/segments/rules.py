"""The rules that decide which contacts are in a segment. Times are epoch seconds.

The result of a rule over time changes without an update of the contact, but only at computable times. `next_change`
returns the next one, so that members need no new evaluation before it.
"""

import math
from dataclasses import dataclass
from typing import Protocol

from ..people import DAY_SECONDS, Contact
from .comparisons import ANY_TYPE


class Rule(Protocol):
    """A condition on a contact."""

    def holds(self, contact: Contact, at: int) -> bool: ...

    def next_change(self, contact: Contact, at: int) -> int | None:
        """The first second after `at` at which the result may differ if the contact stays unchanged."""


class Timeless:
    """A rule whose result only an update of the contact changes."""

    def next_change(self, contact: Contact, at: int) -> int | None:
        return None


@dataclass(frozen=True)
class Everyone(Timeless):
    def holds(self, contact: Contact, at: int) -> bool:
        return True


@dataclass(frozen=True)
class Nobody(Timeless):
    def holds(self, contact: Contact, at: int) -> bool:
        return False


@dataclass(frozen=True)
class Attribute(Timeless):
    """Compares an attribute, named as in search, with search's operators; IN and NIN take a tuple.

    A missing value is compared as None.
    """

    field: str
    operator: str
    value: object

    def holds(self, contact: Contact, at: int) -> bool:
        return ANY_TYPE[self.operator](contact.value(self.field), self.value)


@dataclass(frozen=True)
class Tagged(Timeless):
    name: str

    def holds(self, contact: Contact, at: int) -> bool:
        return self.name in contact.tags


@dataclass(frozen=True)
class Within:
    """Holds for `days` from a timestamp on, as in "signed up less than 30 days ago". False for a future timestamp."""

    field: str
    days: float

    def holds(self, contact: Contact, at: int) -> bool:
        timestamp = contact.value(self.field)
        return timestamp is not None and 0 <= at - timestamp < self.days * DAY_SECONDS

    def next_change(self, contact: Contact, at: int) -> int | None:
        timestamp = contact.value(self.field)
        return None if timestamp is None else _first_after(at, timestamp, timestamp + self.days * DAY_SECONDS)


@dataclass(frozen=True)
class OlderThan:
    """Holds once a timestamp is `days` old, as in "not seen for 14 days". False if the contact has no timestamp."""

    field: str
    days: float

    def holds(self, contact: Contact, at: int) -> bool:
        timestamp = contact.value(self.field)
        return timestamp is not None and at - timestamp >= self.days * DAY_SECONDS

    def next_change(self, contact: Contact, at: int) -> int | None:
        timestamp = contact.value(self.field)
        return None if timestamp is None else _first_after(at, timestamp + self.days * DAY_SECONDS)


@dataclass(frozen=True)
class Combination:
    """Several rules; the result may change when one of them may."""

    rules: tuple[Rule, ...]

    def next_change(self, contact: Contact, at: int) -> int | None:
        changes = [change for rule in self.rules if (change := rule.next_change(contact, at)) is not None]
        return min(changes, default=None)


@dataclass(frozen=True)
class All(Combination):
    def holds(self, contact: Contact, at: int) -> bool:
        return all(rule.holds(contact, at) for rule in self.rules)


@dataclass(frozen=True)
class Any(Combination):
    def holds(self, contact: Contact, at: int) -> bool:
        return any(rule.holds(contact, at) for rule in self.rules)


def _first_after(at: int, *times: float) -> int | None:
    for time in times:
        if time > at:
            return math.ceil(time)
    return None
