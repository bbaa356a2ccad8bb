"""The index behind contact search, which comes to know new contacts late."""

from bisect import bisect_right
from datetime import datetime, timedelta
from operator import itemgetter


class Index:
    """Remembers from when on each contact can be found."""

    def __init__(self, lag: timedelta) -> None:
        self._lag = lag
        self._known_from: list[tuple[datetime, str]] = []

    def add(self, contact_id: str, made_at: datetime) -> None:
        """Notes a new contact. Contacts come in the order in which they are made."""
        if self._lag:
            self._known_from.append((made_at + self._lag, contact_id))

    def missing(self, at: datetime) -> frozenset[str]:
        """The contacts that cannot be found yet."""
        known = bisect_right(self._known_from, at, key=itemgetter(0))
        return frozenset(contact_id for _, contact_id in self._known_from[known:])
