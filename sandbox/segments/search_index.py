"""The delay with which contact search finds new contacts."""

from bisect import bisect_right
from datetime import datetime, timedelta
from operator import itemgetter


class SearchIndex:
    """The times from which search finds each new contact."""

    def __init__(self, lag: timedelta) -> None:
        self._lag = lag
        self._indexed_from: list[tuple[datetime, str]] = []

    def add(self, contact_id: str, created_at: datetime) -> None:
        """Adds a new contact. Contacts must come in the order of their creation."""
        if self._lag:
            self._indexed_from.append((created_at + self._lag, contact_id))

    def missing(self, at: datetime) -> frozenset[str]:
        """Ids of the contacts that search does not find at that time."""
        indexed = bisect_right(self._indexed_from, at, key=itemgetter(0))
        return frozenset(contact_id for _, contact_id in self._indexed_from[indexed:])
