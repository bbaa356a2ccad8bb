"""The SQL files: models and checks, what each reads, and their text in another dialect."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal, TypeVar, cast

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from ..errors import Misconfigured, ModelsFailed

SQL = Path(__file__).parents[2] / "sql"
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


@cache
def comments(model: Model, place: Place) -> tuple[str, ...]:
    """Statements that describe a model: written with every build, since replacing a table or view drops them."""
    name = place.relation(model.name)
    columns = (
        f"comment on column {name}.{place.identifier(column)} is {place.literal(description)}"
        for column, description in model.columns.items()
    )
    return (f"comment on {model.materialized} {name} is {place.literal(model.description)}", *columns)
