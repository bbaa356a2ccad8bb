"""Compares what syncs have derived member by member with what a build of all would make of the same tables."""

from collections.abc import Iterable
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from ..destinations import Query
from ..errors import ModelsFailed
from .definitions import Model, Place, select_of

DIFFERING = """
select count(*) from (
    (select * from {schema}.{name} except all select * from {whole} as whole)
    union all
    (select * from {whole} as whole except all select * from {schema}.{name})
) as differing
"""


def refuse_differences(client: SqlClientBase[Any], place: Place, models: Iterable[Model]) -> None:
    """Compares each table with its model's whole select, row by row.

    Raises:
        ModelsFailed: they differ. Everything is rolled back.
    """
    differing = {model.name: _differing(client, place, model) for model in models}
    found = ", ".join(f"{name} (rows: {rows:,})" for name, rows in differing.items() if rows)
    if found:
        raise ModelsFailed(
            f"What syncs have derived member by member differs from a build of all: {found}. The raw tables are loaded "
            "and the marts stayed as they were. Run intercom-warehouse models, which builds all, and report this: the "
            "two must be equal."
        )


def _differing(client: SqlClientBase[Any], place: Place, model: Model) -> int:
    parts = {"schema": place.schema_of(model.name), "name": model.name, "whole": Query(select_of(model, place))}
    ((rows,),) = client.execute_sql(place.statement(DIFFERING, **parts)) or ()
    return int(rows)
