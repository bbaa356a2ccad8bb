"""Builds marts: the models in `sql/`, in order, with their descriptions, and then the checks.

A model is a file with one select in DuckDB's dialect. What it selects from decides the order: `raw.<table>` is a raw
table, a bare name another model. A build is one transaction. Readers see the marts of the last good build until the new
ones are complete and their checks hold.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC as UTC_CLOCK
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from ..destinations import Dialect, Kind, columns, relations
from ..errors import ModelsFailed
from .checks import Fault, message_of, read_warnings, run_checks, write_warnings
from .comparison import refuse_differences
from .definitions import (
    COMPANIES,
    NEXT_STEP,
    SQL,
    UTC,
    Check,
    File,
    Model,
    Place,
    built_marts,
    comments,
    current_attributes,
    downstream,
    load_checks,
    load_models,
    select_of,
    with_attributes,
)
from .derivation import derivation, is_derived, kept_sums
from .mark import BUILT_FROM, FILES, WHOLE_AT, Mark, current_mark, read_mark, write_mark
from .restricted import restricted
from .touched import can_find_touched, drop_touched, find_touched, note_loads


@dataclass(frozen=True)
class Build:
    """The models that were built, in order, and faults of checks that only warn: others raise an error.

    `touched`: of how many members the rows were derived again; null if all rows were.
    """

    models: tuple[str, ...]
    faults: tuple[Fault, ...]
    seconds: float
    seconds_by_file: Mapping[str, float]
    """Of models and checks, in the order in which they ran."""
    touched: int | None = None


def build(
    client: SqlClientBase[Any],
    dialect: Dialect,
    *,
    raw: str,
    marts: str,
    select: Collection[str] | None = None,
    day_timezone: str = UTC,
    folder: Path = SQL,
) -> Build:
    """Builds all models, or those in `select` and all downstream of them, and runs their checks.

    Where all marts are swapped at once, all are built, even if few are selected. Elsewhere a relation is dropped only
    when its model turns from view to table or back. `client` is open and in no transaction.

    Raises:
        ModelsFailed: a model failed, or an error-level check returned rows. Everything is rolled back.
        Misconfigured: `select` names an unknown model.
    """
    place = Place(raw, marts, dialect, day_timezone)
    models = _all_models(client, place, folder)
    chosen = models if select is None else downstream(models, select)
    if place.swap.builds_all:
        chosen = models
    is_marked = chosen is models and dialect.load_fingerprint is not None
    mark = {**_current_mark(client, place, folder), WHOLE_AT: _now().isoformat()} if is_marked else None
    return _run(client, place, chosen, _checks_of(chosen, folder), mark)


def refresh(
    client: SqlClientBase[Any],
    dialect: Dialect,
    *,
    raw: str,
    marts: str,
    day_timezone: str = UTC,
    compare_every: timedelta | None = None,
    folder: Path = SQL,
) -> Build:
    """Builds what is downstream of the raw tables that changed since the last build, and runs the checks that read it.

    A warning of a check that needs no run is reported as long as it holds. All models are built where the last build is
    unknown, incomplete or of other files, and where all marts are swapped at once. After a build that failed, the next
    one builds what that had to. Raises as `build` does.

    Args:
        compare_every: compare what is derived of touched members with a build of all, if the last one is longer ago;
            null for never.
    """
    place = Place(raw, marts, dialect, day_timezone)
    whole = partial(build, client, dialect, raw=raw, marts=marts, day_timezone=day_timezone, folder=folder)
    if dialect.load_fingerprint is None:
        return whole()
    before, mark = read_mark(client, place), _current_mark(client, place, folder)
    changed = {source for source, state in mark.items() if before.get(source) != state}
    models = _all_models(client, place, folder)
    if not before or FILES in changed or not _are_built(client, place, models):
        return whole()
    due = _due(models, changed)
    compared = [one for one in models if is_derived(one)] if _is_older(before.get(WHOLE_AT), compare_every) else []
    # views show changes without a build, unless they get new columns
    tables = tuple(model for model in due if model.materialized == "table" or model.owner)
    touches = any(map(is_derived, tables))
    checks = [check for check in _checks_of(due, folder) if touches or compared or not check.is_incremental]
    run = {check.name for check in checks}
    known = [fault for fault in read_warnings(client, place) if fault.check not in run]
    derives = touches and can_find_touched(client, place, before)
    whole_at = _now().isoformat() if compared else before.get(WHOLE_AT, "")
    mark = {**mark, WHOLE_AT: whole_at}
    return _run(client, place, tables, checks, mark, known=known, derives=derives, compared=compared)


def _is_older(time: str | None, age: timedelta | None) -> bool:
    """Whether a time in ISO 8601 is that long ago, or unknown, or later than now."""
    return age is not None and not (time and timedelta() <= _now() - datetime.fromisoformat(time) < age)


def _now() -> datetime:
    return datetime.now(UTC_CLOCK)


def _due(models: tuple[Model, ...], changed: Collection[str]) -> tuple[Model, ...]:
    """The models that changes of these raw tables can have changed."""
    moved_by: dict[str, frozenset[str]] = {}
    for model in models:
        moved_by[model.name] = model.loaded.union(*(moved_by[read] for read in model.reads)) - model.unmoved_by
    return tuple(model for model in models if not moved_by[model.name].isdisjoint(changed))


def _checks_of(models: Iterable[Model], folder: Path) -> list[Check]:
    """Those that read one of the models, and those that read loaded tables alone."""
    names = [model.name for model in models]
    return [check for check in load_checks(folder) if not (check.reads and check.reads.isdisjoint(names))]


def _current_mark(client: SqlClientBase[Any], place: Place, folder: Path) -> Mark:
    tables = {table for model in load_models(folder) for table in model.loaded}
    return current_mark(client, place, tables=sorted({*tables, COMPANIES.table}), folder=folder)


def _all_models(client: SqlClientBase[Any], place: Place, folder: Path) -> tuple[Model, ...]:
    """Those of the files, and those of each list of the catalogue that is loaded."""
    loaded = defaultdict[str, set[str]](set)
    for column in columns(client.execute_sql, place.dialect, place.raw):
        loaded[column.table].add(column.name)
    return (*load_models(folder), *built_marts(loaded))


def _are_built(client: SqlClientBase[Any], place: Place, models: Iterable[Model]) -> bool:
    """Whether there is a relation for each model. That of a list is missing after its first load."""
    return {model.name: model.materialized for model in models}.items() <= _present(client, place).items()


def _present(client: SqlClientBase[Any], place: Place) -> dict[str, Kind]:
    """The relations that are in the schema of the model of their name."""
    return {
        name: kind
        for schema in (place.build, place.marts)
        for name, kind in relations(client.execute_sql, place.dialect, schema).items()
        if place.schema_of(name) == schema
    }


def _run(
    client: SqlClientBase[Any],
    place: Place,
    models: tuple[Model, ...],
    checks: Iterable[Check],
    mark: Mark | None,
    *,
    known: Iterable[Fault] = (),
    derives: bool = False,
    compared: Collection[Model] = (),
) -> Build:
    """Without a `mark` the last build's stays: this build leaves some of what has changed to the next.

    `known` are the faults of checks that need no run.
    `derives`: of incremental models the rows of touched members alone are built, if there are few. `compared` are
    models whose tables have to equal a build of all.
    """
    started, seconds = time.monotonic(), dict[str, float]()
    names = tuple(model.name for model in models)
    with place.swap.swapped(client, place.dialect, (place.marts, place.build), names) as marts:
        place = replace(place, marts=marts)
        _drop_misplaced(client, place, models)
        touched = find_touched(client, place) if derives else None
        built = _with_attributes(client, place, models)
        if touched is not None:
            built = tuple(restricted(one) if is_derived(one) else one for one in built)
            checks = [restricted(one) if one.is_incremental and not compared else one for one in checks]
            client.execute_many([*kept_sums(built, place)])
        _create(client, _timed(built, seconds), place, of_touched=touched is not None)
        refuse_differences(client, place, compared)
        faults = (*known, *run_checks(client, _timed(checks, seconds), place))
        if errors := [str(fault) for fault in faults if fault.severity == "error"]:
            raise ModelsFailed(f"What was built contradicts itself: {'; '.join(errors)}. {NEXT_STEP}")
        if mark is not None:
            write_mark(client, place, mark)
            note_loads(client, place)
            write_warnings(client, place, faults)
        if touched is not None:
            drop_touched(client, place)
    return Build(names, faults, time.monotonic() - started, seconds, touched)


def _with_attributes(client: SqlClientBase[Any], place: Place, models: tuple[Model, ...]) -> tuple[Model, ...]:
    """The models with the columns of custom attributes as they are now."""
    try:
        return tuple(
            with_attributes(model, current_attributes(client, place, model.owner)) if model.owner else model
            for model in models
        )
    except DatabaseException as error:
        raise ModelsFailed(f"Custom attributes could not be found: {message_of(error)} {NEXT_STEP}") from error


def _timed(files: Iterable[File], seconds: dict[str, float]) -> Iterator[File]:
    """The files. Notes how long the caller works on each."""
    for file in files:
        started = time.monotonic()
        yield file
        seconds[file.name] = time.monotonic() - started


def _drop_misplaced(client: SqlClientBase[Any], place: Place, models: Iterable[Model]) -> None:
    """Drops what earlier releases built beside the marts. Relations of other names are not ours."""
    ours = {model.name for model in models if place.schema_of(model.name) == place.build} | {BUILT_FROM.name}
    for name, kind in relations(client.execute_sql, place.dialect, place.marts).items():
        if name in ours:
            client.execute_sql(place.statement(f"drop {kind} {{marts}}.{{name}}", name=name))


def _create(client: SqlClientBase[Any], models: Iterable[Model], place: Place, *, of_touched: bool) -> None:
    present = _present(client, place)
    for model in models:
        if of_touched and is_derived(model):
            statements = [*derivation(model, place)]
        else:
            statements = [*_creation(model, present.get(model.name), place), *comments(model, place)]
        try:
            client.execute_many(statements)
        except DatabaseException as error:
            raise ModelsFailed(f"The model {model.name} could not be built: {message_of(error)} {NEXT_STEP}") from error


def _creation(model: Model, present: Kind | None, place: Place) -> Iterator[str]:
    named = {"schema": place.schema_of(model.name), "name": model.name}
    if present not in (None, model.materialized):
        yield place.statement(f"drop {present} {{schema}}.{{name}}", **named)
    created = place.statement(f"{place.swap.create} {model.materialized} {{schema}}.{{name}}", **named)
    yield f"{created} as {select_of(model, place)}"
    if model.materialized == "table" and place.dialect.analyzes:
        # without statistics, a join of a million spells in the next models takes a hundred times as long
        yield place.statement("analyze {schema}.{name}", **named)
