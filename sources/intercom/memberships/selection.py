"""Which segments are read, by what the configuration says of their ids and names.

A segment that is left out is unobserved: it is not read, nothing is recorded of its members, and nobody leaves it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..api import Segment


@dataclass(frozen=True)
class Selection:
    """Segments by id, or by name in any case: those named in `include`, or all where nobody is; less the `exclude`d."""

    include: Collection[str] = ()
    exclude: Collection[str] = ()

    def leaves_out(self, segment_id: str, name: str | None) -> bool:
        """Whether a segment is not read."""
        is_included = not self.include or _is_among(self.include, segment_id, name)
        return not is_included or _is_among(self.exclude, segment_id, name)

    def of(self, listed: Iterable[Segment]) -> list[Segment]:
        """The segments that are read."""
        return [segment for segment in listed if not self.leaves_out(segment.id, segment.name)]

    def notes(self, listed: Collection[Segment]) -> list[str]:
        """Entries that no listed segment answers to, in sentences."""
        return [
            f"{setting} names {entry!r}, but no segment has that id or is called so."
            for setting, entries in (("include_segments", self.include), ("exclude_segments", self.exclude))
            for entry in entries
            if not any(_is_among((entry,), segment.id, segment.name) for segment in listed)
        ]


def _is_among(entries: Iterable[str], segment_id: str, name: str | None) -> bool:
    called = (name or "").strip().casefold()
    return any(entry == segment_id or entry.strip().casefold() == called for entry in entries)
