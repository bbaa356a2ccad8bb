"""Marts about conversations that are more than a list: the files of `sql/support`, built once their tables are read."""

from collections.abc import Collection
from functools import cache
from typing import Any, cast

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from sources.intercom.catalog import TABLES

from ...destinations import WRITTEN_IN
from .model import MART, SQL, YAML_LOADER, Model

FOLDER = SQL / "support"


@cache
def support_marts() -> tuple[Model, ...]:
    """All of them. They are views: what they read changes with each run that reads conversations."""
    text = (FOLDER / "schema.yml").read_text(encoding="utf-8")
    entries = yaml.load(text, YAML_LOADER)["models"]  # noqa: S506 (a safe one)
    return tuple(_model(entry) for entry in entries)


def built_support_marts(loaded: Collection[str]) -> tuple[Model, ...]:
    """Those of which all tables are loaded. A mart that reads another one comes after it."""
    known, present, built = {*TABLES, *(one.name for one in support_marts())}, set(loaded), list[Model]()
    for one in support_marts():
        if one.reads & known <= present:
            present.add(one.name)
            built.append(one)
    return tuple(built)


def _model(entry: dict[str, Any]) -> Model:
    path = FOLDER / f"{entry['name']}.sql"
    select = cast("exp.Query", sqlglot.parse_one(path.read_text(encoding="utf-8"), dialect=WRITTEN_IN))
    sources = [source for scope in traverse_scope(select) for source in scope.sources.values()]
    return Model(
        name=entry["name"],
        path=path,
        select=select,
        reads=frozenset(source.name for source in sources if isinstance(source, exp.Table)),
        loaded=frozenset(),
        layer=MART,
        materialized="view",
        unmoved_by=frozenset(),
        description=entry["description"],
        columns={column["name"]: column["description"] for column in entry["columns"]},
    )
