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

from ..destinations import Dialect, Kind, Relations, all_relations, columns
from ..errors import ModelsFailed, is_of_memory
from .changes import (
    BUILT_FROM,
    FILES,
    REWRITTEN_MEMBERS,
    WHOLE_AT,
    Basis,
    current_basis,
    drop_rewritten,
    drop_touched,
    find_touched,
    new_loads,
    note_loads,
    read_mark,
    write_mark,
)
from .checks import Fault, message_of, read_warnings, run_checks, write_warnings
from .comparison import refuse_differences
from .compatibility import create_views, prepare_schemas, wanted_views
from .definitions import (
    LISTED,
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
    has_lists,
    load_checks,
    load_models,
    select_of,
    with_attributes,
)
from .derivation import before_derivation, derivation, is_derived
from .restricted import Subset, deletions, restricted, subsets_of


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
    lacked_memory: bool = False
    """Whether rows of touched members were to be derived, and the database had too little memory for that."""


def build(
    client: SqlClientBase[Any],
    dialect: Dialect,
    *,
    raw: str,
    marts: str,
    select: Collection[str] | None = None,
    day_timezone: str = UTC,
    compatibility: Collection[str] = (),
    folder: Path = SQL,
) -> Build:
    """Builds all models, or those in `select` and all downstream of them, and runs their checks.

    Where all marts are swapped at once, all are built, even if few are selected. Elsewhere a relation is dropped only
    when its model turns from view to table or back. `client` is open and in no transaction.

    Args:
        compatibility: the tools in the form of whose tables there are views.

    Raises:
        ModelsFailed: a model failed, or an error-level check returned rows. Everything is rolled back.
        Misconfigured: `select` names an unknown model.
    """
    place = Place(raw, marts, dialect, day_timezone, tuple(compatibility))
    known = all_relations(client.execute_sql, dialect)
    models = _all_models(client, place, known, folder)
    chosen = models if select is None else downstream(models, select)
    if place.swap.builds_all:
        chosen = models
    todo = _Todo(chosen, _checks_of(chosen, folder))
    if chosen is not models or not dialect.builds_changes:
        return _run(client, place, known, todo)
    basis = _current_basis(client, place, known, folder)
    return _run(client, place, known, todo, replace(basis, mark={**basis.mark, WHOLE_AT: _now().isoformat()}))


def refresh(
    client: SqlClientBase[Any],
    dialect: Dialect,
    *,
    raw: str,
    marts: str,
    day_timezone: str = UTC,
    compatibility: Collection[str] = (),
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
    place = Place(raw, marts, dialect, day_timezone, tuple(compatibility))
    whole = partial(
        build,
        client,
        dialect,
        raw=raw,
        marts=marts,
        day_timezone=day_timezone,
        compatibility=compatibility,
        folder=folder,
    )
    if not dialect.builds_changes:
        return whole()
    known = all_relations(client.execute_sql, dialect)
    notes = known.get(place.build, {})
    before, basis = read_mark(client, place, notes), _current_basis(client, place, known, folder)
    changed = {source for source, state in basis.mark.items() if before.get(source) != state}
    models = _all_models(client, place, known, folder)
    if not before or FILES in changed or not _are_built(place, known, models):
        return whole()
    compares = _is_older(before.get(WHOLE_AT), compare_every)
    compared = [one for one in models if is_derived(one)] if compares else []
    todo = _todo(_due(models, changed), read_warnings(client, place, notes), folder, compared)
    if any(map(is_derived, todo.models)):
        todo = replace(todo, new=new_loads(client, place, before, basis.loads, notes))
    whole_at = _now().isoformat() if compares else before.get(WHOLE_AT, "")
    try:
        return _run(client, place, known, todo, replace(basis, mark={**basis.mark, WHOLE_AT: whole_at}))
    except (ModelsFailed, DatabaseException) as error:
        # a database notes each deleted row in memory; a build of all deletes none, and writes the rest to disk
        if todo.new is None or not is_of_memory(error):
            raise
    return replace(whole(), lacked_memory=True)


@dataclass(frozen=True)
class _Todo:
    """What a build does.

    Args:
        known: the faults of checks that need no run.
        new: by source, the loads that touch members: of incremental models their rows alone are built, if there are
            few. Null where all rows are built.
        compared: models whose tables have to equal a build of all.
        warned: checks that did not hold after the last build: touched members alone cannot show whether they do.
    """

    models: tuple[Model, ...]
    checks: Collection[Check]
    known: Collection[Fault] = ()
    new: Mapping[str, Collection[str]] | None = None
    compared: Collection[Model] = ()
    warned: Collection[str] = ()


def _todo(due: Collection[Model], warnings: Collection[Fault], folder: Path, compared: Collection[Model]) -> _Todo:
    """The models to build of those that are due, and the checks to run."""
    # views show changes without a build, unless they get new columns
    tables = tuple(model for model in due if model.materialized == "table" or model.owner)
    touches = compared or any(map(is_derived, tables))
    warned = {fault.check for fault in warnings}
    checks = [check for check in _checks_of(due, folder) if touches or check.when == "always" or check.name in warned]
    run = {check.name for check in checks}
    known = [fault for fault in warnings if fault.check not in run]
    return _Todo(tables, checks, known, compared=compared, warned=warned)


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


def _current_basis(client: SqlClientBase[Any], place: Place, known: Relations, folder: Path) -> Basis:
    loaded = {table for model in load_models(folder) for table in model.loaded}
    tables = sorted({*loaded, *(owner.table for owner in LISTED)})
    return current_basis(client, place, tables=tables, present=known.get(place.raw, {}), folder=folder)


def _all_models(client: SqlClientBase[Any], place: Place, known: Relations, folder: Path) -> tuple[Model, ...]:
    """Those of the files, and those of each list of the catalogue that is loaded."""
    loaded = defaultdict[str, set[str]](set)
    if has_lists(known.get(place.raw, {})):
        for column in columns(client.execute_sql, place.dialect, place.raw):
            loaded[column.table].add(column.name)
    return (*load_models(folder), *built_marts(loaded))


def _are_built(place: Place, known: Relations, models: Iterable[Model]) -> bool:
    """Whether there is a relation for each model. That of a list is missing after its first load."""
    return {model.name: model.materialized for model in models}.items() <= _present(place, known).items()


def _present(place: Place, known: Relations) -> dict[str, Kind]:
    """The relations that are in the schema of the model of their name."""
    return {
        name: kind
        for schema in (place.build, place.marts)
        for name, kind in known.get(schema, {}).items()
        if place.schema_of(name) == schema
    }


def _run(client: SqlClientBase[Any], place: Place, known: Relations, todo: _Todo, basis: Basis | None = None) -> Build:
    """Without a `basis` the last build's stays: this build leaves some of what has changed to the next."""
    started, seconds = time.monotonic(), dict[str, float]()
    names = tuple(model.name for model in todo.models)
    schemas = (place.marts, *prepare_schemas(client, place, known), place.build)
    with place.swap.swapped(client, place.dialect, schemas, (*names, *wanted_views(place))) as marts:
        place, known = replace(place, marts=marts), all_relations(client.execute_sql, place.dialect)
        _drop_misplaced(client, place, known, todo.models)
        present = known.get(place.build, {})
        touched = None if todo.new is None else find_touched(client, place, todo.new, present)
        built, checks, subsets = _with_attributes(client, place, known, todo.models), todo.checks, None
        if touched is not None:
            built = tuple(restricted(one) if is_derived(one) else one for one in built)
            checks = todo.checks if todo.compared else [*_of_touched(todo.checks, todo.warned)]
            derived = [one for one in built if is_derived(one)]
            subsets = subsets_of([*derived, *checks])
            client.execute_many([*before_derivation(derived, place, subsets)])
        _create(client, _timed(built, seconds), place, known, subsets)
        create_views(client, place)
        refuse_differences(client, place, todo.compared)
        faults = (*todo.known, *run_checks(client, _timed(checks, seconds), place))
        if errors := [str(fault) for fault in faults if fault.severity == "error"]:
            raise ModelsFailed(f"What was built contradicts itself: {'; '.join(errors)}. {NEXT_STEP}")
        if basis is not None:
            write_mark(client, place, basis.mark)
            note_loads(client, place, basis.loads)
            if REWRITTEN_MEMBERS.name in present:
                drop_rewritten(client, place)
            write_warnings(client, place, faults)
        if subsets is not None:
            client.execute_many([*deletions(subsets, place)])
            drop_touched(client, place)
    return Build(names, faults, time.monotonic() - started, seconds, touched)


def _of_touched(checks: Iterable[Check], warned: Collection[str]) -> Iterator[Check]:
    """The checks that have to hold after a build of touched members."""
    for check in checks:
        if check.when == "always" or check.name in warned:
            yield check
        elif check.when == "touched":
            yield restricted(check)


def _with_attributes(
    client: SqlClientBase[Any], place: Place, known: Relations, models: tuple[Model, ...]
) -> tuple[Model, ...]:
    """The models with the columns of custom attributes as they are now."""
    present = known.get(place.raw, {})
    try:
        return tuple(
            with_attributes(model, current_attributes(client, place, model.owner, present)) if model.owner else model
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


def _drop_misplaced(client: SqlClientBase[Any], place: Place, known: Relations, models: Iterable[Model]) -> None:
    """Drops what earlier releases built beside the marts. Relations of other names are not ours."""
    ours = {model.name for model in models if place.schema_of(model.name) == place.build} | {BUILT_FROM.name}
    for name, kind in known.get(place.marts, {}).items():
        if name in ours:
            client.execute_sql(place.statement(f"drop {kind} {{marts}}.{{name}}", name=name))


def _create(
    client: SqlClientBase[Any],
    models: Iterable[Model],
    place: Place,
    known: Relations,
    subsets: Collection[Subset] | None,
) -> None:
    """Without `subsets` of touched members, all rows are built."""
    present = _present(place, known)
    for model in models:
        if subsets is not None and is_derived(model):
            statements = [*derivation(model, place, subsets)]
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
