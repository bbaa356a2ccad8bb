"""Builds all marts from raw tables in Parquet, and checks them. What is written is Parquet, too.

An engine has no transaction over several tables. So each build writes into an empty folder, and its caller shows that
to readers when all checks hold.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from ..errors import ModelsFailed
from ..models import Build, Fault, fault_query
from ..models.definitions import (
    MART,
    UTC,
    Check,
    Model,
    Place,
    built_marts,
    load_checks,
    load_models,
    select_of,
    with_attributes,
)
from .engine import Engine, StatementFailed
from .raw import attributes_of, columns_of

NEXT_STEP = "The marts stayed as they were. Once the cause is fixed, run the command again."
BUILDING = "_build"
"""The folder of what the marts are built from. It is removed at the end."""

File = TypeVar("File", Model, Check)


def build_marts(engine: Engine, raw: Path, run: Path, *, schema: str, day_timezone: str = UTC) -> Build:
    """Builds all models and runs all checks. Each mart becomes a folder of its name in `run`.

    `raw` is the folder of an exported run. The engine's schemas have names that begin with `schema`.

    Raises:
        ModelsFailed: a model failed, or an error-level check returned rows.
    """
    started, seconds = time.monotonic(), dict[str, float]()
    place = Place(f"{schema}_raw", schema, engine.dialect, day_timezone)
    models = _models(raw)
    _show_raw_tables(engine, place, raw)
    for model in _timed(models, seconds):
        _create(engine, place, model, run)
    faults = tuple(_faults(engine, place, _timed(load_checks(), seconds)))
    if errors := [str(fault) for fault in faults if fault.severity == "error"]:
        raise ModelsFailed(f"What was built contradicts itself: {'; '.join(errors)}. {NEXT_STEP}")
    shutil.rmtree(run / BUILDING, ignore_errors=True)  # an engine may have written nothing there
    return Build(tuple(model.name for model in models), faults, time.monotonic() - started, seconds)


def _models(raw: Path) -> tuple[Model, ...]:
    """All models, in order. Columns for custom attributes are those that the warehouse has noted."""
    return tuple(
        with_attributes(model, attributes_of(raw, model.owner)) if model.owner else model
        for model in (*load_models(), *built_marts(columns_of(raw)))
    )


def _show_raw_tables(engine: Engine, place: Place, raw: Path) -> None:
    try:
        for schema in (place.raw, place.build, place.marts):
            engine.create_schema(schema)
        for table in columns_of(raw):
            engine.show(place.raw, table, raw / table)
    except StatementFailed as error:
        raise ModelsFailed(f"The raw tables in {raw} cannot be read: {error} {NEXT_STEP}") from error


def _create(engine: Engine, place: Place, model: Model, run: Path) -> None:
    """A mart is always written: files have no views."""
    schema, select = place.schema_of(model.name), select_of(model, place)
    try:
        if model.layer == MART:
            engine.write(schema, model.name, select, run / model.name)
        elif model.materialized == "table":
            engine.write(schema, model.name, select, run / BUILDING / model.name)
        else:
            engine.create_view(schema, model.name, select)
    except StatementFailed as error:
        raise ModelsFailed(f"The model {model.name} could not be built: {error} {NEXT_STEP}") from error


def _faults(engine: Engine, place: Place, checks: Iterable[Check]) -> Iterator[Fault]:
    for check in checks:
        try:
            row = engine.first(fault_query(check, place))
        except StatementFailed as error:
            raise ModelsFailed(f"The check {check.name} could not be run: {error} {NEXT_STEP}") from error
        if row:
            (_, rows), *example = row.items()
            yield Fault(check.name, check.severity, rows, dict(example))


def _timed(files: Iterable[File], seconds: dict[str, float]) -> Iterator[File]:
    """The files. Notes how long the caller works on each."""
    for file in files:
        started = time.monotonic()
        yield file
        seconds[file.name] = time.monotonic() - started
