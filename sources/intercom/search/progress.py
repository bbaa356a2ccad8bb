"""How far a run has read, for progress displays."""

from dataclasses import dataclass, field

from ..api import Pacer, Usage

MOST_PLACES = 10
"""Places that a note names."""


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
    """Contacts read, segments scanned, members read; calls and bytes used, and the quota."""

    usage: Usage = field(default_factory=Usage)
    pacer: Pacer = field(default_factory=Pacer)
    contacts: Tally = field(default_factory=Tally)
    segments: Tally = field(default_factory=Tally)
    memberships: Tally = field(default_factory=Tally)

    @property
    def notes(self) -> list[str]:
        """What could not be read, in a sentence with numbers and places, and no values; empty if all was read."""
        flaws = self.usage.flaws
        if not flaws.total():
            return []
        places = ", ".join(f"{count:,} in {place}" for place, count in flaws.most_common(MOST_PLACES) if count)
        return [
            f"Intercom sent records or values that could not be read, so they were left out: {places}. The run is "
            "incomplete. The next run reads them again."
        ]
