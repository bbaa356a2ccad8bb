"""A model or check over touched members alone: the same select, with fewer rows of each source that has members."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple, TypeVar, cast

import sqlglot
from sqlglot import exp

from ..destinations import WRITTEN_IN
from .changes import KEY, KEY_IN_ANY, TOUCHED
from .definitions import RAW, Model, Place, SqlFile, load_models, sources_of

File = TypeVar("File", bound=SqlFile)


class Subset(NamedTuple):
    """The rows that an incremental table has of touched members: a table of its own, while others are built from it.

    `key` is what is compared with touched members: a member in one segment, or in any.
    """

    table: str
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.table}_of_touched" if self.is_of_any else f"{self.table}_touched"

    @property
    def is_of_any(self) -> bool:
        """Whether it holds all segments of touched members."""
        return self.key == KEY_IN_ANY


@cache
def restricted(file: File) -> File:
    """The file, with each of its sources that is `incremental_on` members cut down to those that are touched."""
    return replace(file, select=_restricted(file.select, key_of(file)))


def key_of(file: SqlFile) -> tuple[str, ...]:
    """What is compared with touched members: a member in one segment or, if a row needs all segments, in any."""
    is_of_any = isinstance(file, Model) and len(file.incremental_on) == len(KEY_IN_ANY)
    return KEY_IN_ANY if is_of_any else KEY


def subsets_of(files: Iterable[SqlFile]) -> set[Subset]:
    """The subsets that restricted files read."""
    names = {source.name for file in files for source in sources_of(file.select)}
    every = (Subset(name, key) for name in _incremental() for key in (KEY, KEY_IN_ANY))
    return {one for one in every if one.name in names}


def creation_of(subset: Subset, place: Place, created: Collection[Subset]) -> str:
    """The statement that takes a subset from its table, as that is now, or from a wider one `created` before."""
    wider = Subset(subset.table, KEY_IN_ANY)
    table = wider.name if wider in created and not subset.is_of_any else subset.table
    rows = _touched_rows(f"{{build}}.{table}", _incremental()[subset.table], subset.key, "{build}.{touched}")
    template = f"create or replace table {{build}}.{{subset}} as {rows}"
    return place.statement(template, subset=subset.name, touched=TOUCHED)


def deletions(subsets: Iterable[Subset], place: Place) -> Iterator[str]:
    """Nothing outside of a build sees the subsets."""
    for subset in subsets:
        yield place.statement("drop table {build}.{subset}", subset=subset.name)


def _restricted(select: exp.Query, key: tuple[str, ...]) -> exp.Query:
    select = select.copy()
    for source in sources_of(select):
        model = None if source.db == RAW else _incremental().get(source.name)
        if model:
            source.replace(_cut_down(source, model, key))
    return select


def _cut_down(source: exp.Table, model: Model, key: tuple[str, ...]) -> exp.Expr:
    """What stands for a source: a subset of a table, and a view of such; of loaded rows those of touched members."""
    if model.materialized == "table":
        return exp.to_table(Subset(model.name, key).name).as_(source.alias_or_name)
    if not model.loaded:
        return _restricted(model.select, key).subquery(source.alias_or_name)
    rows = sqlglot.parse_one(_touched_rows(model.name, model, key, TOUCHED), dialect=WRITTEN_IN)
    return cast("exp.Select", rows).subquery(source.alias_or_name)


def _touched_rows(name: str, model: Model, key: tuple[str, ...], touched: str) -> str:
    """The rows of touched members, as a query."""
    columns = dict(zip(KEY, model.incremental_on, strict=True))
    equal = " and ".join(f"every.{columns[column]} = touched.{column}" for column in key)
    return f"select every.* from {name} as every semi join {touched} as touched on {equal}"  # noqa: S608 (our own names)


@cache
def _incremental() -> dict[str, Model]:
    """The models of which each row is of one member in one segment, by name."""
    return {one.name: one for one in load_models() if len(one.incremental_on) == len(KEY) and not one.sums}
