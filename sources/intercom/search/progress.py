"""How far a run's reading has come, for whoever shows it."""

from dataclasses import dataclass, field

from ..api import Pacer, Usage


@dataclass
class Tally:
    """What was read of one kind: rows and calls so far, and the rows that Intercom's totals promise, null at first."""

    rows: int = 0
    calls: int = 0
    expected: int | None = None

    def add(self, rows: int) -> None:
        """Notes one answer."""
        self.rows += rows
        self.calls += 1

    def expect(self, rows: int) -> None:
        """Notes that so many rows more are to come."""
        self.expected = (self.expected or 0) + rows


@dataclass
class Progress:
    """Contacts read, segments done, members read; and what they cost, of which quota."""

    usage: Usage = field(default_factory=Usage)
    pacer: Pacer = field(default_factory=Pacer)
    contacts: Tally = field(default_factory=Tally)
    segments: Tally = field(default_factory=Tally)
    memberships: Tally = field(default_factory=Tally)
