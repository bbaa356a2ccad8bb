"""A model or check over touched members alone: the same select, with fewer rows of each source that has members."""

from dataclasses import replace
from functools import cache
from typing import TypeVar, cast

import sqlglot
from sqlglot import exp

from ..destinations import WRITTEN_IN
from .definitions import RAW, SqlFile, load_models, sources_of
from .touched import KEY, TOUCHED

File = TypeVar("File", bound=SqlFile)


@cache
def restricted(file: File) -> File:
    """The file, with each of its sources that is `incremental_on` members cut down to those that are touched."""
    keys = {model.name: model.incremental_on for model in load_models() if model.incremental_on}
    select = file.select.copy()
    for source in sources_of(select):
        if source.db != RAW and source.name in keys:
            source.replace(_touched_of(source, keys[source.name]))
    return replace(file, select=select)


def _touched_of(source: exp.Table, columns: tuple[str, ...]) -> exp.Expression:
    """The source's rows of touched members. `columns` are its names for the columns of the key."""
    equal = " and ".join(f"every.{column} = touched.{key}" for column, key in zip(columns, KEY, strict=True))
    rows = f"select every.* from {source.name} as every semi join {TOUCHED} as touched on {equal}"  # noqa: S608 (our own names)
    return cast("exp.Select", sqlglot.parse_one(rows, dialect=WRITTEN_IN)).subquery(source.alias_or_name)
