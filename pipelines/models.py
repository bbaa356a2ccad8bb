"""Turns what was loaded into marts: builds the models in `sql/`, describes them, and checks the result.

A model is a file with one select in DuckDB's dialect. What it selects from decides the order: `raw.<table>` is a loaded
table, a bare name another model. All of a build happens in one transaction: a reader sees the marts of the last
good run until those of this one are there and their checks hold. DuckDB replaces each model in its place, and a sync
builds only what follows from a loaded table that changed; PostgreSQL exchanges all of them at once.
"""

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import sqlglot
import yaml
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from pipelines.errors import Misconfigured, ModelsFailed
from pipelines.exchange import drop_replaced, exchanged
from pipelines.mark import FILES, Mark, current_mark, leave_mark, left_mark

SQL = Path(__file__).parent.parent / "sql"
LAYERS = ("staging", "intermediate", "marts")
WRITTEN_IN = "duckdb"  # the dialect of the files, whatever the destination
POSTGRES = "postgres"  # the dialect of the one destination that needs more than other words
DESCRIPTIONS = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was compiled in
RAW = "raw"  # stands in the files for the schema of the loaded tables
NEXT_STEP = (
    "The raw tables are loaded and the marts stayed as they were; once the cause is mended, the next run, or "
    "`intercom-warehouse models`, rebuilds them."
)

Materialized = Literal["table", "view"]
Severity = Literal["error", "warn"]


@dataclass(frozen=True, eq=False)
class SqlFile:
    """One select, and what it reads: models, and loaded tables."""

    name: str
    path: Path
    select: exp.Query
    reads: frozenset[str]
    loaded: frozenset[str]


@dataclass(frozen=True, eq=False)
class Model(SqlFile):
    """A file of `sql/staging`, `sql/intermediate` or `sql/marts`, with its entry in the `schema.yml` beside it.

    `unmoved_by` names loaded tables that it reads, by way of other models too, and whose later rows cannot alter it.
    """

    materialized: Materialized
    unmoved_by: frozenset[str]
    description: str
    columns: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Check(SqlFile):
    """A file of `sql/checks`, named as the sentence that should hold; every row it returns is a fault."""

    severity: Severity


@dataclass(frozen=True)
class Fault:
    """A check that did not hold: how many rows it returned, and one of them. Ids and numbers, no personal data."""

    check: str
    severity: Severity
    rows: int
    example: Mapping[str, Any]

    def __str__(self) -> str:
        example = ", ".join(f"{column}={value}" for column, value in self.example.items())
        return f"{self.check} (rows: {self.rows}; one of them: {example})"


@dataclass(frozen=True)
class Build:
    """What was built, in order, and the warnings: an error-level fault is an exception instead."""

    models: tuple[str, ...]
    faults: tuple[Fault, ...]
    seconds: float
    seconds_by_file: Mapping[str, float]
    """Of models and checks, in the order in which they ran."""


File = TypeVar("File", bound=SqlFile)


@dataclass(frozen=True)
class Place:
    """Where the loaded tables are, where the marts go, and in which dialect to say so."""

    raw: str
    marts: str
    dialect: str

    @property
    def is_exchanged(self) -> bool:
        """Whether all marts are built anew and exchanged at once, as they are where no table can be replaced."""
        return self.dialect == POSTGRES

    def identifier(self, name: str) -> str:
        """A name, quoted."""
        return exp.to_identifier(name, quoted=True).sql(self.dialect, copy=False)

    def relation(self, name: str) -> str:
        """A table or view in the marts' schema."""
        return f"{self.identifier(self.marts)}.{self.identifier(name)}"

    def literal(self, text: str) -> str:
        """A string, escaped."""
        return exp.Literal.string(text).sql(self.dialect, copy=False)


@cache
def select_of(file: SqlFile, place: Place) -> str:
    """The file's query for a destination, every source with its schema."""
    placed = file.select.copy()
    for table in _sources(placed):
        table.set("db", exp.to_identifier(place.raw if table.db == RAW else place.marts, quoted=True))
    if place.dialect == POSTGRES:  # it would write down an import that is read twice, and join without statistics
        for cte in placed.ctes:
            cte.set("materialized", False if cte.this.is_star else None)
    return placed.sql(place.dialect, comments=False, copy=False)


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


@cache
def load_models(folder: Path = SQL) -> tuple[Model, ...]:
    """All models, each after those it reads. Read once a process: the files do not change under a run."""
    models = {model.name: model for layer in LAYERS for model in _models_in(folder / layer)}
    _refuse_strangers(models.values(), models)
    order = TopologicalSorter({model.name: model.reads for model in models.values()})
    return tuple(models[name] for name in order.static_order())


@cache
def load_checks(folder: Path = SQL) -> tuple[Check, ...]:
    """All checks, errors first, then by name. Read once a process."""
    checks = [_check(path) for path in (folder / "checks").glob("*.sql")]
    _refuse_strangers(checks, {model.name for model in load_models(folder)})
    return tuple(sorted(checks, key=_errors_first))


def _errors_first(check: Check) -> tuple[str, str]:
    return check.severity, check.name


def _place(client: SqlClientBase[Any], raw: str, marts: str) -> Place:
    return Place(raw, marts, str(client.capabilities.sqlglot_dialect))


def _models_in(layer: Path) -> Iterator[Model]:
    described = yaml.load((layer / "schema.yml").read_text(encoding="utf-8"), DESCRIPTIONS)["models"]  # noqa: S506 (a safe one)
    entries = {entry["name"]: entry for entry in described}
    for path in sorted(layer.glob("*.sql")):
        if path.stem not in entries:
            raise ModelsFailed(f"{path} has no entry in the schema.yml beside it. {NEXT_STEP}")
        entry = entries[path.stem]
        config, columns = entry["config"], {column["name"]: column["description"] for column in entry["columns"]}
        unmoved_by = frozenset(config.get("unmoved_by", ()))
        yield Model(path.stem, path, *_parse(path), config["materialized"], unmoved_by, entry["description"], columns)


def _check(path: Path) -> Check:
    severity = re.match(r"-- severity: (error|warn)\n", path.read_text(encoding="utf-8"))
    if severity is None:
        raise ModelsFailed(f"{path} has to begin with `-- severity: error` or `-- severity: warn`. {NEXT_STEP}")
    return Check(path.stem, path, *_parse(path), cast("Severity", severity[1]))


def _parse(path: Path) -> tuple[exp.Query, frozenset[str], frozenset[str]]:
    query = sqlglot.parse_one(path.read_text(encoding="utf-8"), dialect=WRITTEN_IN)
    if not isinstance(query, exp.Query):
        raise ModelsFailed(f"{path} is not one select. {NEXT_STEP}")
    sources = _sources(query)
    reads = (table.sql(WRITTEN_IN) for table in sources if table.db != RAW)
    return query, frozenset(reads), frozenset(table.name for table in sources if table.db == RAW)


def _sources(query: exp.Query) -> list[exp.Table]:
    """What a query reads apart from its own CTEs: only scopes tell `segments` from the CTE of that name."""
    scopes = traverse_scope(query)
    return [source for scope in scopes for source in scope.sources.values() if isinstance(source, exp.Table)]


def _refuse_strangers(files: Iterable[SqlFile], models: Collection[str]) -> None:
    for file in files:
        if strangers := file.reads.difference(models):
            raise ModelsFailed(
                f"{file.path} reads {', '.join(sorted(strangers))}: neither a model nor {RAW}.<table>. {NEXT_STEP}"
            )


def _downstream(models: tuple[Model, ...], names: Collection[str]) -> tuple[Model, ...]:
    if unknown := set(names).difference(model.name for model in models):
        known = ", ".join(sorted(model.name for model in models))
        raise Misconfigured(f"No model is called {', '.join(sorted(unknown))}. There are: {known}.")
    due = set(names)
    for model in models:
        if not model.reads.isdisjoint(due):
            due.add(model.name)
    return tuple(model for model in models if model.name in due)


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


@cache
def comments(model: Model, place: Place) -> tuple[str, ...]:
    """Statements that describe a model: written with every build, since replacing a table or view drops them."""
    name = place.relation(model.name)
    columns = (
        f"comment on column {name}.{place.identifier(column)} is {place.literal(description)}"
        for column, description in model.columns.items()
    )
    return (f"comment on {model.materialized} {name} is {place.literal(model.description)}", *columns)


def _faults(client: SqlClientBase[Any], checks: Iterable[Check], place: Place) -> Iterator[Fault]:
    for check in checks:
        faults = select_of(check, place)
        rows = f"select count(*) over (), faults.* from ({faults}) as faults limit 1"  # noqa: S608 (our own files)
        try:
            with client.execute_query(rows) as cursor:
                names = [column[0] for column in cursor.description or ()]
                row = cursor.fetchone()
        except DatabaseException as error:
            raise ModelsFailed(f"The check {check.name} could not be run: {_words(error)} {NEXT_STEP}") from error
        if row:
            yield Fault(check.name, check.severity, row[0], dict(zip(names[1:], row[1:], strict=True)))


def _words(error: DatabaseException) -> str:
    """What the database said, without DuckDB's excerpt of the statement and on one line."""
    return " ".join(str(error).partition("LINE 1:")[0].split())
