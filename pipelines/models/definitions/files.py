"""The SQL files: models and checks, what each reads, and their text in another dialect."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from ...destinations import WRITTEN_IN, descriptions
from ...errors import Misconfigured, ModelsFailed
from .attributes import CONTACTS, Attribute, attribute_columns
from .lists import list_marts
from .model import LAYERS, MART, RAW, SQL, YAML_LOADER, Check, Model, Severity, SqlFile, When
from .place import BUILT_BEFORE, UTC, Place

NEXT_STEP = (
    "The raw tables are loaded and the marts stayed as they were. Once the cause is fixed, the next run, or "
    "`intercom-warehouse models`, rebuilds them."
)

LIST_IDS = "list_ids"
"""A function of the models alone: see `Dialect.list_ids`."""

File = TypeVar("File", bound=SqlFile)


@cache
def select_of(file: SqlFile, place: Place) -> str:
    """The file's query in a destination's dialect, every source with its schema, and days of the place's timezone.

    The files write days as those of UTC.
    """
    placed = file.select.copy()
    for table in sources_of(placed):
        table.set("db", exp.to_identifier(place.raw if table.db == RAW else place.schema_of(table.name), quoted=True))
    for converted in placed.find_all(exp.AtTimeZone):
        converted.set("zone", exp.Literal.string(place.day_timezone))
    for call in placed.find_all(exp.Anonymous):
        if call.name == LIST_IDS:
            column = call.expressions[0].sql(place.dialect.name)
            call.replace(sqlglot.parse_one(place.dialect.list_ids.format(column=column), dialect=place.dialect.name))
    if place.dialect.inlines_imports:
        for cte in placed.ctes:
            cte.set("materialized", False if cte.this.is_star else None)
    if place.dialect.qualifies_names:
        for select in placed.find_all(exp.Select):
            select.set("expressions", [_with_own_name(one) for one in select.expressions])
    if isinstance(file, Model) and file.attributes:
        placed.ctes[-1].this.select(*attribute_columns(file.attributes, place.dialect), copy=False)
    return placed.sql(place.dialect.name, comments=False, copy=False)


def _with_own_name(selected: exp.Expr) -> exp.Expr:
    is_qualified = isinstance(selected, exp.Column) and selected.table and not selected.is_star
    return exp.alias_(selected, selected.name, quoted=True) if is_qualified else selected


@cache
def comments(model: Model, place: Place) -> tuple[str, ...]:
    """Statements that describe a model. Each build needs them, since replacing a relation drops its comments."""
    schema = place.schema_of(model.name)
    columns = {name: _of_days(text, place) for name, text in model.columns.items()}
    columns |= {one.column: one.description for one in model.attributes}
    description = _of_days(model.description, place)
    return tuple(descriptions(place.dialect, model.materialized, schema, model.name, description, columns))


def _of_days(description: str, place: Place) -> str:
    if place.day_timezone == UTC:
        return description
    named = re.sub(r"UTC (days?)", lambda found: f"{found[1]} in {place.day_timezone}", description)
    return named[:1].upper() + named[1:]


def load_models(folder: Path = SQL) -> tuple[Model, ...]:
    """All models, each after those that it reads. Read once a process: the files do not change during a run."""
    return _load_models(folder)


@cache
def _load_models(folder: Path) -> tuple[Model, ...]:
    models = {model.name: model for layer in LAYERS for model in _models_in(folder / layer)}
    _refuse_unknown(models.values(), models)
    _refuse_misnamed(models.values())
    order = TopologicalSorter({model.name: model.reads for model in models.values()})
    return tuple(models[name] for name in order.static_order())


@cache
def with_attributes(model: Model, attributes: tuple[Attribute, ...]) -> Model:
    """The model with a column for each of these. The same object for the same arguments: its texts are kept."""
    return replace(model, attributes=attributes)


def load_marts() -> list[Model]:
    """The models that readers query, by name; those of the catalogue are there once their list was read."""
    marts = (model for model in load_models() if model.layer == MART)
    return sorted((*marts, *list_marts()), key=lambda model: model.name)


def load_checks(folder: Path = SQL) -> tuple[Check, ...]:
    """All checks, errors first, then by name. Read once a process."""
    return _load_checks(folder)


@cache
def _load_checks(folder: Path) -> tuple[Check, ...]:
    checks = [_check(path) for path in (folder / "checks").rglob("*.sql")]
    _refuse_unknown(checks, {model.name for model in load_models(folder)})
    return tuple(sorted(checks, key=lambda check: (check.severity, check.name)))


def _models_in(layer: Path) -> Iterator[Model]:
    for folder in sorted({path.parent for path in layer.rglob("*.sql")}):
        text = (folder / "schema.yml").read_text(encoding="utf-8")
        entries = {entry["name"]: entry for entry in yaml.load(text, YAML_LOADER)["models"]}  # noqa: S506 (a safe one)
        for path in sorted(folder.glob("*.sql")):
            yield _model(layer.name, path, entries.get(path.stem))


def _model(layer: str, path: Path, entry: Mapping[str, Any] | None) -> Model:
    if entry is None:
        raise ModelsFailed(f"{path} has no entry in the schema.yml beside it. {NEXT_STEP}")
    config, columns = entry["config"], {column["name"]: column["description"] for column in entry["columns"]}
    unmoved_by, parsed = frozenset(config.get("unmoved_by", ())), _parse(path)
    return Model(
        path.stem,
        path,
        *parsed,
        layer,
        config["materialized"],
        unmoved_by,
        entry["description"],
        columns,
        incremental_on=tuple(config.get("incremental_on", ())),
        sums=tuple(config.get("sums", ())),
        owner=CONTACTS if config.get("has_attributes") else None,
    )


def _check(path: Path) -> Check:
    head = re.match(r"-- severity: (error|warn)\n(?:-- of the (touched|whole)\n)?", path.read_text(encoding="utf-8"))
    if head is None:
        raise ModelsFailed(f"{path} has to begin with `-- severity: error` or `-- severity: warn`. {NEXT_STEP}")
    return Check(path.stem, path, *_parse(path), cast("Severity", head[1]), cast("When", head[2] or "always"))


def _parse(path: Path) -> tuple[exp.Query, frozenset[str], frozenset[str]]:
    query = sqlglot.parse_one(path.read_text(encoding="utf-8"), dialect=WRITTEN_IN)
    if not isinstance(query, exp.Query):
        raise ModelsFailed(f"{path} is not one select. {NEXT_STEP}")
    sources = sources_of(query)
    reads = (table.sql(WRITTEN_IN) for table in sources if table.db != RAW)
    return query, frozenset(reads), frozenset(table.name for table in sources if table.db == RAW)


def sources_of(query: exp.Query) -> list[exp.Table]:
    """What a query reads apart from its own CTEs. Only scopes distinguish `segments` from a CTE of that name."""
    scopes = traverse_scope(query)
    return [source for scope in scopes for source in scope.sources.values() if isinstance(source, exp.Table)]


def _refuse_unknown(files: Iterable[SqlFile], models: Collection[str]) -> None:
    for file in files:
        if unknown := file.reads.difference(models):
            raise ModelsFailed(
                f"{file.path} reads {', '.join(sorted(unknown))}: neither a model nor {RAW}.<table>. {NEXT_STEP}"
            )


def _refuse_misnamed(models: Iterable[Model]) -> None:
    for model in models:
        if model.name.startswith(BUILT_BEFORE) == (model.layer == LAYERS[-1]):
            raise ModelsFailed(
                f"{model.path} is misnamed: names in staging begin with stg_, names in intermediate with int_, and "
                f"names of marts with neither. {NEXT_STEP}"
            )


def downstream(models: tuple[Model, ...], names: Collection[str]) -> tuple[Model, ...]:
    """The named models and all that read them, in order. Raises Misconfigured for an unknown name."""
    if unknown := set(names).difference(model.name for model in models):
        known = ", ".join(sorted(model.name for model in models))
        raise Misconfigured(f"No model is called {', '.join(sorted(unknown))}. There are: {known}.")
    due = set(names)
    for model in models:
        if not model.reads.isdisjoint(due):
            due.add(model.name)
    return tuple(model for model in models if model.name in due)
