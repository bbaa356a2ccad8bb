"""SQL that Python writes, in the dialect of a destination.

A statement that only one engine has, such as `vacuum` or `attach`, stays in that engine's own file and dialect.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from .interface import Dialect, Kind, Rows

WRITTEN_IN = "duckdb"
"""The dialect of all SQL in Python and in `sql/`."""
Execute = Callable[[str], Rows | None]
"""Runs a query without parameters: `execute_sql` of dlt's client, or an `Ask`."""
Relations = Mapping[str, Mapping[str, Kind]]
"""What is a table and what a view, by schema and name. A schema without any is absent."""
RELATIONS = (
    "select table_schema, table_name, case when table_type = 'VIEW' then 'view' else 'table' end "
    "from information_schema.tables where table_catalog ="
)
NAME = re.compile(r"(?<!')\{(\w+)\}")
TEXT = re.compile(r"'\{(\w+)\}'")


class Query(str):
    """A whole query, or a list, in the destination's dialect, to stand in a template. It comes out in parentheses."""

    __slots__ = ()


class Column(NamedTuple):
    """A column as the database's catalog has it; the type in the engine's own spelling."""

    table: str
    name: str
    type: str


def statement(dialect: Dialect, template: str, **parts: str) -> str:
    """Translates a template from DuckDB's dialect. Every identifier comes out quoted.

    `{part}` stands for an identifier or a `Query`, `'{part}'` for a text, `?` for a parameter. Parameters come out as
    dlt's `%s`, so a literal percent sign has to be a parameter.
    """
    translated, markers = _translated(dialect.name, template)
    if not markers:
        return translated
    pattern = "|".join(map(re.escape, markers))
    return re.sub(pattern, lambda found: markers[found[0]].filled(dialect, parts), translated)


def query(dialect: Dialect, text: str) -> str:
    """Translates a query without parameters and parts."""
    return text if dialect.name == WRITTEN_IN else statement(dialect, text)


def identifier(dialect: Dialect, name: str) -> str:
    """A name, quoted."""
    return _identifier(dialect.name, name)


def texts(dialect: Dialect, values: Iterable[str]) -> Query:
    """A list of literals, for a template."""
    return Query(", ".join(_text(dialect.name, value) for value in values))


def parameters(count: int) -> str:
    """A list of that many parameters, for a template."""
    return ", ".join("?" * count)


def descriptions(
    dialect: Dialect, kind: Kind, schema: str, name: str, description: str, columns: Mapping[str, str]
) -> Iterator[str]:
    """Statements that describe a relation and its columns, as far as the destination can keep that."""
    relation = {"schema": schema, "name": name}
    if kind in dialect.comments:
        yield statement(dialect, f"comment on {kind} {{schema}}.{{name}} is '{{text}}'", text=description, **relation)
    if f"{kind} column" in dialect.comments:
        template = "comment on column {schema}.{name}.{column} is '{text}'"
        for column, text in columns.items():
            yield statement(dialect, template, column=column, text=text, **relation)


def relations(execute: Execute, dialect: Dialect, schema: str) -> dict[str, Kind]:
    """Tables and views of a schema."""
    query = f"{RELATIONS} {dialect.catalog} and table_schema = '{{schema}}'"
    return {name: kind for _, name, kind in execute(statement(dialect, query, schema=schema)) or ()}


def all_relations(execute: Execute, dialect: Dialect) -> Relations:
    """Tables and views of all schemas, in one query: each takes the database some milliseconds."""
    present: dict[str, dict[str, Kind]] = {}
    for schema, name, kind in execute(statement(dialect, f"{RELATIONS} {dialect.catalog}")) or ():
        present.setdefault(schema, {})[name] = kind
    return present


def columns(execute: Execute, dialect: Dialect, schema: str) -> list[Column]:
    """Columns of all relations of a schema, in order."""
    rows = execute(
        statement(
            dialect,
            "select table_name, column_name, data_type from information_schema.columns "  # noqa: S608 (a constant)
            f"where table_catalog = {dialect.catalog} and table_schema = '{{schema}}' "
            "order by table_name, ordinal_position",
            schema=schema,
        )
    )
    return [Column(*row) for row in rows or ()]


class _Marker(NamedTuple):
    """What stands for a part in a translated template."""

    part: str
    write: Callable[[str, str], str]

    def filled(self, dialect: Dialect, parts: Mapping[str, str]) -> str:
        part = parts[self.part]
        return f"({part})" if isinstance(part, Query) else self.write(dialect.name, part)


@cache
def _translated(dialect: str, template: str) -> tuple[str, dict[str, _Marker]]:
    """The template in a dialect, and its markers as they are written there. SQLGlot works once for each template."""
    import sqlglot  # readers of what is written in DuckDB's dialect need no translation
    from sqlglot import exp

    tree = sqlglot.parse_one(NAME.sub(r'"{\1}"', template), dialect=WRITTEN_IN)
    for parameter in list(tree.find_all(exp.Placeholder)):
        parameter.replace(exp.Var(this="%s"))
    markers = dict[str, _Marker]()
    for pattern, write in ((NAME, _identifier), (TEXT, _text)):
        markers |= {write(dialect, f"{{{part}}}"): _Marker(part, write) for part in pattern.findall(template)}
    return tree.sql(dialect, identify=True, copy=False), markers


@cache
def _identifier(dialect: str, name: str) -> str:
    from sqlglot import exp

    return exp.to_identifier(name, quoted=True).sql(dialect, copy=False)


def _text(dialect: str, text: str) -> str:
    from sqlglot import exp

    return exp.Literal.string(text).sql(dialect, copy=False)
