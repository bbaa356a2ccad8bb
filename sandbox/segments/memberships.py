"""Who is in which segment now, kept up to date without asking everybody again.

For each segment a roll remembers its members, when time alone will next change each contact's answer, and how
far it has read the list of contacts that were touched. Bringing a roll up to date costs what has changed since.
"""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from threading import Lock

from ..people import Contact
from .rules import Rule


class Roll:
    """The members of one rule. `changed` gains the id of each contact that enters or leaves, once it was filled."""

    def __init__(self, rule: Rule, contacts: Mapping[str, Contact], touched: list[str]) -> None:
        self.rule = rule
        self.members: set[str] = set()
        self.changed: list[str] = []
        self._contacts = contacts
        self._touched = touched
        self._read = 0
        self._due: dict[str, int] = {}
        self._agenda: list[tuple[int, str]] = []

    def call(self, now: int) -> None:
        """Brings the members up to `now`, which must not lie before the last call."""
        read, self._read = self._read, len(self._touched)
        for contact_id in set(self._touched[read : self._read]):
            self._place(contact_id, now)
        while self._agenda and self._agenda[0][0] <= now:
            moment, contact_id = heappop(self._agenda)
            if self._due.get(contact_id) == moment:
                self._place(contact_id, now)

    def fill(self, now: int) -> None:
        """Asks every contact, once, when the roll is new."""
        self._read = len(self._touched)
        holds, next_change = self.rule.holds, self.rule.next_change
        for contact_id, contact in list(self._contacts.items()):
            if holds(contact, now):
                self.members.add(contact_id)
            due = next_change(contact, now)
            if due is not None:
                self._due[contact_id] = due
        self._agenda = [(due, contact_id) for contact_id, due in self._due.items()]
        heapify(self._agenda)

    def _place(self, contact_id: str, now: int) -> None:
        contact = self._contacts.get(contact_id)
        is_member = contact is not None and self.rule.holds(contact, now)
        if is_member != (contact_id in self.members):
            (self.members.add if is_member else self.members.remove)(contact_id)
            self.changed.append(contact_id)
        due = self.rule.next_change(contact, now) if contact else None
        if due is None:
            self._due.pop(contact_id, None)
        elif due != self._due.get(contact_id):
            self._due[contact_id] = due
            heappush(self._agenda, (due, contact_id))


class Memberships:
    """The rolls of all segments; `touch` a contact after every change of it. `touched` only grows."""

    def __init__(self, contacts: Mapping[str, Contact]) -> None:
        self._contacts = contacts
        self.touched: list[str] = []
        self._rolls: dict[str, Roll] = {}
        # A served workspace is asked by its server's thread and by whoever moves it.
        self._calling = Lock()

    def touch(self, contact_id: str) -> None:
        """Notes that the contact was made, changed or deleted."""
        self.touched.append(contact_id)

    def roll(self, segment_id: str, rule: Rule, now: int) -> Roll:
        """The segment's roll as of `now`; another rule than before starts it afresh."""
        with self._calling:
            roll = self._rolls.get(segment_id)
            if roll is None or roll.rule is not rule:
                roll = self._rolls[segment_id] = Roll(rule, self._contacts, self.touched)
                roll.fill(now)
            roll.call(now)
            return roll
