"""What `--json` prints where that is not simply what a command came to: typed, so that its schema can be told."""

import json
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from sources.intercom.readings import Preview

from ..commands import BackfillPreview
from ..models import Build


@dataclass(frozen=True)
class PlannedSweep:
    """A segment that a sync would read whole, why, and in how many calls."""

    segment_id: str
    why: str
    members: int
    calls: int


@dataclass(frozen=True)
class PlannedSync:
    """What a sync would read, and at what cost; `calls_if_drifted` may come on top of `calls`."""

    contacts: int
    sweeps: tuple[PlannedSweep, ...]
    cursor_reads: tuple[str, ...]
    calls: int
    contacts_asked_one_by_one: int
    calls_if_drifted: int
    megabytes: float
    segments_excluded: int
    notes: tuple[str, ...]

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """The plan that was asked for."""
        plan = preview.plan
        return cls(
            contacts=preview.contacts,
            sweeps=tuple(
                PlannedSweep(one.segment.id, str(one.why), one.members, one.sweep_calls) for one in plan.sweeps
            ),
            cursor_reads=tuple(one.segment.id for one in plan.rest),
            calls=preview.calls,
            contacts_asked_one_by_one=preview.asked,
            calls_if_drifted=plan.drift_calls,
            megabytes=preview.megabytes,
            segments_excluded=preview.excluded,
            notes=preview.notes,
        )


@dataclass(frozen=True)
class PlannedChunk:
    """A chunk that a backfill would load; its window tells `from` and `to`."""

    window: dict[str, str]
    contacts: int
    calls: int


@dataclass(frozen=True)
class PlannedBackfill:
    """What a backfill would read: `chunks` are those that no earlier attempt has loaded."""

    window: dict[str, str]
    by: str
    chunks: tuple[PlannedChunk, ...]
    chunks_done_before: int
    contacts: int
    calls: int
    megabytes: float
    notes: tuple[str, ...]

    @classmethod
    def of(cls, preview: BackfillPreview) -> Self:
        """The backfill that was asked for."""
        return cls(
            window=preview.window,
            by=preview.by,
            chunks=tuple(PlannedChunk(one.chunk.window, one.contacts, one.calls) for one in preview.estimates),
            chunks_done_before=preview.chunks_done_before,
            contacts=preview.contacts,
            calls=preview.calls,
            megabytes=preview.megabytes,
            notes=preview.notes,
        )


@dataclass(frozen=True)
class BuiltModels:
    """The models that were built, in order, and the checks that are no errors but worth a look."""

    models: tuple[str, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, built: Build) -> Self:
        """What a build came to."""
        return cls(built.models, tuple(str(fault) for fault in built.faults))


def json_of(record: Any) -> str:
    """A record as one JSON object, in ASCII: standard output may be of any encoding."""
    return json.dumps(msgspec.to_builtins(record))
