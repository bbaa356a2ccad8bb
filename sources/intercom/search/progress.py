"""How far a run has read, for progress displays."""

from dataclasses import dataclass, field

from ..api import Pacer, Usage


@dataclass
class Tally:
    """Rows and calls so far, and how many rows to expect by Intercom's totals; null before the first one."""

    rows: int = 0
    calls: int = 0
    expected: int | None = None

    def add(self, rows: int) -> None:
        """Counts one answer."""
        self.rows += rows
        self.calls += 1

    def expect(self, rows: int) -> None:
        """Adds rows to those expected."""
        self.expected = (self.expected or 0) + rows


@dataclass
class Progress:
    """Contacts read, segments scanned, members read, records of lists; calls and bytes used, and the quota."""

    usage: Usage = field(default_factory=Usage)
    pacer: Pacer = field(default_factory=Pacer)
    contacts: Tally = field(default_factory=Tally)
    segments: Tally = field(default_factory=Tally)
    memberships: Tally = field(default_factory=Tally)
    records: Tally = field(default_factory=Tally)
