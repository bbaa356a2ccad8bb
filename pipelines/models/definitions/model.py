"""What a model and a check are: one select each, and what it reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from sqlglot import exp

from ...destinations import Kind
from .attributes import Attribute, Owner

SQL = Path(__file__).parents[3] / "sql"
LAYERS = ("staging", "intermediate", "marts")
MART = LAYERS[-1]
RAW = "raw"  # in the files: the schema of the raw tables
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was compiled in

Severity = Literal["error", "warn"]
When = Literal["always", "touched", "whole"]


@dataclass(frozen=True, eq=False)
class SqlFile:
    """One select, and what it reads: models, and raw tables in `loaded`."""

    name: str
    path: Path
    select: exp.Query
    reads: frozenset[str]
    loaded: frozenset[str]


@dataclass(frozen=True, eq=False)
class Model(SqlFile):
    """A file below `sql/staging`, `sql/intermediate` or `sql/marts`, with its entry in the `schema.yml` beside it.

    `unmoved_by` names raw tables that it reads, directly or not, and whose later rows cannot change it.
    `incremental_on` are its names for a workspace, a segment and a member, or for a workspace and a member where a row
    needs all segments of the member: a sync derives the rows of touched members alone. Of a view, it is what other
    models are restricted by. With `sums`, a row is no member's: it adds up members that have all its other columns in
    common, in these columns, of which no row has zeros alone; a sync replaces what touched members contributed.
    Builds add a column for each custom attribute of the `owner`, `attributes`, to its query.
    """

    layer: str
    materialized: Kind
    unmoved_by: frozenset[str]
    description: str
    columns: Mapping[str, str]
    incremental_on: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    owner: Owner | None = None
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, eq=False)
class Check(SqlFile):
    """A file of `sql/checks`, named as the sentence that should hold; every row it returns is a fault."""

    severity: Severity
    when: When = "always"
    """Whether a sync runs it over all members, over `touched` ones alone, or leaves it to builds and comparisons of the
    `whole`, which run every check over all members."""
