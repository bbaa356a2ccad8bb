"""Turns what was loaded into marts: builds the models in `sql/`, describes them, and checks the result.

A model is a file with one select in DuckDB's dialect. What it selects from decides the order: `raw.<table>` is a loaded
table, a bare name another model. All of a build happens in one transaction: a reader sees the marts of the last
good run until those of this one are there and their checks hold. DuckDB replaces each model in its place, and a sync
builds only what follows from a loaded table that changed; PostgreSQL exchanges all of them at once.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from ..destinations import drop_replaced, exchanged
from ..errors import ModelsFailed
from .changes import FILES, Mark, current_mark, leave_mark, left_mark
from .checks import Fault, _faults, _words
from .files import (
    NEXT_STEP,
    POSTGRES,
    SQL,
    Check,
    File,
    Materialized,
    Model,
    Place,
    _downstream,
    _errors_first,
    comments,
    load_checks,
    load_models,
    select_of,
)


@dataclass(frozen=True)
class Build:
    """What was built, in order, and the warnings: an error-level fault is an exception instead."""

    models: tuple[str, ...]
    faults: tuple[Fault, ...]
    seconds: float
    seconds_by_file: Mapping[str, float]
    """Of models and checks, in the order in which they ran."""


def build(
    client: SqlClientBase[Any],
    *,
    raw: str,
    marts: str,
    select: Collection[str] | None = None,
    folder: Path = SQL,
) -> Build:
    """Builds all models, or those named in `select` and whatever is downstream of them, then runs their checks.

    `client` is open and in no transaction. PostgreSQL builds all models whatever is named, since it exchanges them as
    a whole; elsewhere nothing is dropped, except a model that turns from view into table or back. Raises ModelsFailed,
    with everything rolled back, when a model fails or an error-level check returns rows.
    """
    place = _place(client, raw, marts)
    models = load_models(folder)
    chosen = models if select is None else _downstream(models, select)
    if place.is_exchanged:
        return _carry_out(client, place, models, load_checks(folder))
    mark = _current_mark(client, place, folder) if select is None else None
    return _carry_out(client, place, chosen, _checks_of(chosen, folder), mark)


def refresh(client: SqlClientBase[Any], *, raw: str, marts: str, folder: Path = SQL) -> Build:
    """Builds what follows from the loaded tables that changed since the last build, and runs the checks that read it.

    Warnings are looked for in any case, so that they are told for as long as they hold. All models are built where the
    last build is not known, or not whole any more, or was of other files, and always on PostgreSQL. A build that fails
    is none: what was due for it is due for the next. Raises as `build` does.
    """
    place = _place(client, raw, marts)
    before = {} if place.is_exchanged else left_mark(client, marts)
    mark = {} if place.is_exchanged else _current_mark(client, place, folder)
    changed = {source for source, state in mark.items() if before.get(source) != state}
    if not before or FILES in changed or not _is_whole(client, place, folder):
        return build(client, raw=raw, marts=marts, folder=folder)
    due = _due(load_models(folder), changed)
    checks = {check for check in load_checks(folder) if check.severity == "warn"}.union(_checks_of(due, folder))
    tables = tuple(model for model in due if model.materialized == "table")  # a view shows what changed as it is
    return _carry_out(client, place, tables, sorted(checks, key=_errors_first), mark)


def _place(client: SqlClientBase[Any], raw: str, marts: str) -> Place:
    return Place(raw, marts, str(client.capabilities.sqlglot_dialect))


def _due(models: tuple[Model, ...], changed: Collection[str]) -> tuple[Model, ...]:
    """The models that loaded tables which changed can have altered."""
    moved_by: dict[str, frozenset[str]] = {}
    for model in models:
        moved_by[model.name] = model.loaded.union(*(moved_by[read] for read in model.reads)) - model.unmoved_by
    return tuple(model for model in models if not moved_by[model.name].isdisjoint(changed))


def _checks_of(models: Iterable[Model], folder: Path) -> list[Check]:
    names = [model.name for model in models]
    return [check for check in load_checks(folder) if not check.reads.isdisjoint(names)]


def _current_mark(client: SqlClientBase[Any], place: Place, folder: Path) -> Mark:
    tables = sorted({table for model in load_models(folder) for table in model.loaded})
    return current_mark(client, raw=place.raw, tables=tables, folder=folder)


def _is_whole(client: SqlClientBase[Any], place: Place, folder: Path) -> bool:
    expected = {model.name: model.materialized for model in load_models(folder)}
    return expected.items() <= _kinds(client, place).items()


def _carry_out(
    client: SqlClientBase[Any],
    place: Place,
    models: tuple[Model, ...],
    checks: Iterable[Check],
    mark: Mark | None = None,
) -> Build:
    """Without a `mark` what was left of the last build's stays: not all that was due for it is built."""
    started, seconds = time.monotonic(), dict[str, float]()
    names = tuple(model.name for model in models)
    with client.begin_transaction(), _in_its_place(client, place, names):
        _create(client, _timed(models, seconds), place)
        faults = tuple(_faults(client, _timed(checks, seconds), place))
        if errors := [str(fault) for fault in faults if fault.severity == "error"]:
            raise ModelsFailed(f"What was built contradicts itself: {'; '.join(errors)}. {NEXT_STEP}")
        if mark is not None:
            leave_mark(client, place.marts, mark)
    if place.is_exchanged:
        drop_replaced(client, place.marts)
    return Build(names, faults, time.monotonic() - started, seconds)


def _in_its_place(client: SqlClientBase[Any], place: Place, names: Collection[str]) -> AbstractContextManager[None]:
    return exchanged(client, place.marts, names) if place.is_exchanged else nullcontext()


def _timed(files: Iterable[File], seconds: dict[str, float]) -> Iterator[File]:
    """The files, one by one; notes how long each kept whoever asked for it."""
    for file in files:
        started = time.monotonic()
        yield file
        seconds[file.name] = time.monotonic() - started


def _create(client: SqlClientBase[Any], models: Iterable[Model], place: Place) -> None:
    client.execute_sql(f"create schema if not exists {place.identifier(place.marts)}")
    kinds = _kinds(client, place)
    for model in models:
        statements = [*_creation(model, kinds.get(model.name), place), *comments(model, place)]
        try:
            client.execute_many(statements)
        except DatabaseException as error:
            raise ModelsFailed(f"The model {model.name} could not be built: {_words(error)} {NEXT_STEP}") from error


def _kinds(client: SqlClientBase[Any], place: Place) -> dict[str, Materialized]:
    """What is in the marts' schema already, and whether it is a table or a view."""
    rows = client.execute_sql(
        "select table_name, case when table_type = 'VIEW' then 'view' else 'table' end "
        "from information_schema.tables where table_catalog = current_database() and table_schema = %s",
        place.marts,
    )
    return {row[0]: row[1] for row in rows or []}


def _creation(model: Model, present: Materialized | None, place: Place) -> Iterator[str]:
    name = place.relation(model.name)
    if present not in (None, model.materialized):
        yield f"drop {present} {name}"
    create = "create" if place.dialect == POSTGRES else "create or replace"  # it replaces no tables
    yield f"{create} {model.materialized} {name} as {select_of(model, place)}"
    if model.materialized == "table":  # what reads it is planned within this transaction: else without statistics,
        yield f"analyze {name}"  # and then a join of a million spells takes a hundred times as long
