"""Which fields contacts are sent with, compared with earlier runs: what is new, gone, or of another type."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from .records import DOCUMENTED_CONTACT_FIELDS


class Fields:
    """The top-level fields of the contacts of one run.

    Args:
        known: fields of earlier runs, by name; true where every contact of the last run had it. Empty at first.
    """

    def __init__(self, known: Mapping[str, bool]) -> None:
        self._known = dict(known)
        self._shapes: Counter[tuple[str, ...]] = Counter()
        self._odd: Counter[str] = Counter()

    def note(self, sent: Mapping[str, object], odd: Collection[str]) -> None:
        """Takes in one contact: the fields it was sent with, and those of another type than documented."""
        self._shapes[tuple(sent)] += 1
        self._odd.update(odd)

    def news(self) -> Iterator[str]:
        """What changed, in sentences that hold names of fields and numbers, no values."""
        counts = self._counts()
        for name in sorted(counts.keys() - self._expected()):
            yield f"contacts are sent with a new field, {name}: it is kept in _extra"
        if self._shapes:
            for name in sorted(name for name, always in self._known.items() if always and name not in counts):
                yield f"contacts are not sent with {name} any more: it is null for the {self._contacts:,} just read"
        for name, count in sorted(self._odd.items()):
            yield f"{count:,} contacts have another type in {name} than documented: null there, kept in _extra"

    def known(self) -> dict[str, bool]:
        """What the next run compares with."""
        counts = self._counts()
        if not counts:
            return self._known
        rare = {name: False for name, always in self._known.items() if not always and name not in counts}
        return rare | {name: count == self._contacts for name, count in counts.items()}

    @property
    def _contacts(self) -> int:
        return self._shapes.total()

    def _counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for shape, contacts in self._shapes.items():
            counts.update(dict.fromkeys(shape, contacts))
        return counts

    def _expected(self) -> set[str]:
        return {*DOCUMENTED_CONTACT_FIELDS, *self._known}
