"""Results of commands: as text for people, or as one JSON object with `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
import typer

from ..errors import ExitCode

if TYPE_CHECKING:  # the command that returns a result has imported it
    from sources.intercom.readings import Preview

    from ..commands import BackfillPreview
    from ..models import Build
    from ..monitoring import WatchedRun

Record = TypeVar("Record", bound=msgspec.Struct)


@dataclass
class Session:
    """Options that are needed when a command has ended, with a result or an error."""

    debug: bool = False
    as_json: bool = False
    watched: WatchedRun | None = None
    """The run that this process starts, if its end is to be reported."""
    record: Any = None
    """The result of the command, or its problem."""

    def choose_json(self, value: bool) -> bool:
        """The callback of `--json`."""
        self.as_json = value
        return value


session = Session()


@dataclass(frozen=True)
class Result:
    """The result of a command: `record` is for `--json`, `show` prints it for people."""

    record: Any
    show: Callable[[], None]

    @property
    def exit_code(self) -> ExitCode:
        return getattr(self.record, "exit_code", ExitCode.DONE)

    def print(self) -> None:
        if session.as_json:
            print_json(self.record)
        else:
            self.show()


def print_json(record: Any) -> None:
    """Prints a record as one JSON object, in ASCII, since the encoding of standard output is unknown."""
    typer.echo(json.dumps(msgspec.to_builtins(record)))


def print_utf8(text: str) -> None:
    """Prints a text in an encoding that its format demands, and not in that of standard output."""
    sys.stdout.buffer.write(text.encode())


class PlannedSweep(msgspec.Struct, frozen=True):
    """A segment that a sync would sweep, why, and in how many calls."""

    segment_id: str
    why: str
    members: int
    calls: int


class ListPlan(msgspec.Struct, frozen=True):
    """A list that a sync would read. `calls` is null where only a reading shows it: one for each parent."""

    table_name: str
    calls: int | None
    records: int | None
    megabytes: float


class PlannedSync(msgspec.Struct, frozen=True):
    """What a sync would read, and its cost. If segments have drifted, `calls_if_drifted` are added to `calls`.

    `seconds`: the least time that the calls take, by Intercom's quota; null where that is unknown.
    """

    contacts: int
    sweeps: tuple[PlannedSweep, ...]
    lists: tuple[ListPlan, ...]
    cursor_reads: tuple[str, ...]
    calls: int
    contacts_asked_one_by_one: int
    calls_if_drifted: int
    megabytes: float
    seconds: int | None
    segments_excluded: int
    notes: tuple[str, ...]

    @classmethod
    def of(cls, preview: Preview) -> Self:
        plan = preview.plan
        return _record(
            cls,
            preview,
            sweeps=[PlannedSweep(one.segment.id, str(one.why), one.members, one.sweep_calls) for one in plan.sweeps],
            lists=[_record(ListPlan, one) for one in preview.lists],
            cursor_reads=[one.segment.id for one in plan.rest],
            contacts_asked_one_by_one=preview.asked,
            calls_if_drifted=plan.drift_calls,
            segments_excluded=preview.excluded,
        )


class PlannedChunk(msgspec.Struct, frozen=True):
    """A chunk that a backfill would load. `window` has `from` and `to`."""

    window: dict[str, str]
    contacts: int
    calls: int


class PlannedBackfill(msgspec.Struct, frozen=True):
    """What a backfill would read. `chunks` are those that no earlier attempt has loaded."""

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
        chunks = [_record(PlannedChunk, estimate, window=estimate.chunk.window) for estimate in preview.estimates]
        return _record(cls, preview, chunks=chunks)


class BuiltModels(msgspec.Struct, frozen=True):
    """The models that were built, in order, and the faults that checks of severity `warn` found."""

    models: tuple[str, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, built: Build) -> Self:
        return cls(built.models, tuple(map(str, built.faults)))


def _record(kind: type[Record], source: object, **others: Any) -> Record:
    """A record with these values; all other fields are attributes of `source` with the same names."""
    names = set(kind.__struct_fields__) - others.keys()
    return kind(**{name: getattr(source, name) for name in names}, **others)
