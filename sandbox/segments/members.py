"""The current members of a segment, updated incrementally.

The members remember when time alone will next change the rule's result for each contact, and how far they have read
the log of changed contacts. An update costs only what has changed since the last one.
"""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

from ..people import Contact
from .rules import Rule


class SegmentMembers:
    """The ids of the contacts that meet a rule.

    `touched` is the log of changed contacts, which only grows. After `fill`, `changed` gains the id of each contact
    that enters or leaves.
    """

    def __init__(self, rule: Rule, contacts: Mapping[str, Contact], touched: list[str]) -> None:
        self.rule = rule
        self.ids: set[str] = set()
        self.changed: list[str] = []
        self._contacts = contacts
        self._touched = touched
        self._read = 0
        self._due: dict[str, int] = {}
        self._schedule: list[tuple[int, str]] = []

    def update(self, now: int) -> None:
        """Brings the members up to `now`, which must not precede the last update."""
        read, self._read = self._read, len(self._touched)
        for contact_id in set(self._touched[read : self._read]):
            self._evaluate(contact_id, now)
        while self._schedule and self._schedule[0][0] <= now:
            due, contact_id = heappop(self._schedule)
            if self._due.get(contact_id) == due:
                self._evaluate(contact_id, now)

    def fill(self, now: int) -> None:
        """Evaluates the rule for every contact. Call it once, first."""
        self._read = len(self._touched)
        holds, next_change = self.rule.holds, self.rule.next_change
        for contact_id, contact in list(self._contacts.items()):
            if holds(contact, now):
                self.ids.add(contact_id)
            due = next_change(contact, now)
            if due is not None:
                self._due[contact_id] = due
        self._schedule = [(due, contact_id) for contact_id, due in self._due.items()]
        heapify(self._schedule)

    def _evaluate(self, contact_id: str, now: int) -> None:
        contact = self._contacts.get(contact_id)
        is_member = contact is not None and self.rule.holds(contact, now)
        if is_member != (contact_id in self.ids):
            (self.ids.add if is_member else self.ids.remove)(contact_id)
            self.changed.append(contact_id)
        due = self.rule.next_change(contact, now) if contact else None
        if due is None:
            self._due.pop(contact_id, None)
        elif due != self._due.get(contact_id):
            self._due[contact_id] = due
            heappush(self._schedule, (due, contact_id))
