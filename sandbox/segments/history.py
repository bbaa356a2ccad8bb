"""Every version that a thing has had, so that the truth of any moment can be asked for later."""

from bisect import bisect_right
from datetime import datetime
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class History(Generic[Thing]):
    """Versions by id, in the order they were recorded; a version of None says that the thing is gone."""

    def __init__(self) -> None:
        self.present: dict[str, Thing] = {}
        self._versions: dict[str, list[tuple[datetime, Thing | None]]] = {}

    def record(self, key: str, version: Thing | None, moment: datetime) -> None:
        """Makes `version` the present one from `moment` on."""
        self._versions.setdefault(key, []).append((moment, version))
        if version is None:
            self.present.pop(key, None)
        else:
            self.present[key] = version

    def at(self, moment: datetime) -> dict[str, Thing]:
        """What was there at `moment`; changes made at that very moment count."""
        found = ((key, self._version_at(key, moment)) for key in list(self._versions))
        return {key: version for key, version in found if version is not None}

    def versions(self, key: str) -> list[Thing]:
        """All that there were, the oldest first."""
        return [version for _, version in self._versions.get(key, []) if version is not None]

    def _version_at(self, key: str, moment: datetime) -> Thing | None:
        versions = self._versions[key]
        position = bisect_right(versions, moment, key=lambda version: version[0])
        return versions[position - 1][1] if position else None
