"""All versions of contacts and segments, so that tests can query the state at any past time."""

from bisect import bisect_right
from datetime import datetime
from typing import Generic, TypeVar

Record = TypeVar("Record")


class History(Generic[Record]):
    """Versions by id, oldest first. A version of None records a deletion. `present` has the newest ones."""

    def __init__(self) -> None:
        self.present: dict[str, Record] = {}
        self._versions: dict[str, list[tuple[datetime, Record | None]]] = {}

    def record(self, key: str, version: Record | None, at: datetime) -> None:
        """Adds a version; `at` must not precede the version before."""
        self._versions.setdefault(key, []).append((at, version))
        if version is None:
            self.present.pop(key, None)
        else:
            self.present[key] = version

    def at(self, at: datetime) -> dict[str, Record]:
        """The records at that time, including changes made at exactly that time."""
        found = ((key, self._version_at(key, at)) for key in list(self._versions))
        return {key: version for key, version in found if version is not None}

    def versions(self, key: str) -> list[Record]:
        """All versions, oldest first, without deletions."""
        return [version for _, version in self._versions.get(key, []) if version is not None]

    def _version_at(self, key: str, at: datetime) -> Record | None:
        versions = self._versions[key]
        position = bisect_right(versions, at, key=lambda version: version[0])
        return versions[position - 1][1] if position else None
