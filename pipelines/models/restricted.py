"""A model or check over touched members alone: the same select, with fewer rows of each source that has members."""

from dataclasses import replace
from functools import cache
from typing import TypeVar, cast

import sqlglot
from sqlglot import exp

from ..destinations import WRITTEN_IN
from .definitions import RAW, Model, SqlFile, load_models, sources_of
from .touched import KEY, KEY_IN_ANY, TOUCHED

File = TypeVar("File", bound=SqlFile)


@cache
def restricted(file: File) -> File:
    """The file, with each of its sources that is `incremental_on` members cut down to those that are touched."""
    sources = {model.name: model.incremental_on for model in load_models() if len(model.incremental_on) == len(KEY)}
    select, key = file.select.copy(), key_of(file)
    for source in sources_of(select):
        if source.db != RAW and source.name in sources:
            source.replace(_touched_of(source, dict(zip(KEY, sources[source.name], strict=True)), key))
    return replace(file, select=select)


def key_of(file: SqlFile) -> tuple[str, ...]:
    """What is compared with touched members: a member in one segment or, if a row needs all segments, in any."""
    is_of_any = isinstance(file, Model) and len(file.incremental_on) == len(KEY_IN_ANY)
    return KEY_IN_ANY if is_of_any else KEY


def _touched_of(source: exp.Table, columns: dict[str, str], key: tuple[str, ...]) -> exp.Expression:
    """The source's rows of touched members. `columns` are its names for the columns of the key."""
    equal = " and ".join(f"every.{columns[column]} = touched.{column}" for column in key)
    rows = f"select every.* from {source.name} as every semi join {TOUCHED} as touched on {equal}"  # noqa: S608 (our own names)
    return cast("exp.Select", sqlglot.parse_one(rows, dialect=WRITTEN_IN)).subquery(source.alias_or_name)
