"""Builds views in the form of other tools' tables, in a schema for each tool, and drops those that are not wanted."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from ..destinations import TOOLS, PublishedMart, Relations, descriptions, relations
from ..errors import ModelsFailed
from .checks import message_of
from .definitions import NEXT_STEP, UTC, Model, Place, compatible_views, over_present, select_of


def wanted_views(place: Place) -> tuple[str, ...]:
    """The names of all views that a build makes."""
    return tuple(view.name for tool in place.compatibility for view in compatible_views(tool))


def prepare_schemas(client: SqlClientBase[Any], place: Place, known: Relations) -> tuple[str, ...]:
    """The schemas of the views that a build makes. Drops those of tools that are no longer configured.

    Raises:
        ModelsFailed: such a schema holds what no build has made.
    """
    for tool in TOOLS:
        schema = place.schema_for(tool)
        present = set(known.get(schema, {}).items())
        ours = {(view.name, "view") for view in compatible_views(tool)} if present else set()
        if tool not in place.compatibility and present and present <= ours:
            _drop(client, place, schema, (name for name, _ in present))
        elif tool in place.compatibility and not present <= ours:
            others = ", ".join(sorted(f"{schema}.{name}" for name, _ in present - ours))
            raise ModelsFailed(
                f"The setting compatibility makes views in the schema {schema}, which holds what it did not make: "
                f"{others}. Move that to another schema, or remove {tool} from the setting. {NEXT_STEP}"
            )
    return tuple(place.schema_for(tool) for tool in place.compatibility)


def create_views(client: SqlClientBase[Any], place: Place) -> None:
    """Creates the views over the marts that there are. Lists that were never read have no rows.

    Raises:
        ModelsFailed: a view cannot be created.
    """
    if not place.compatibility:
        return
    present = frozenset(relations(client.execute_sql, place.dialect, place.marts))
    for tool in place.compatibility:
        schema = place.schema_for(tool)
        for view in compatible_views(tool):
            try:
                client.execute_many([*_creation(over_present(view, present & view.reads), schema, place)])
            except DatabaseException as error:
                raise ModelsFailed(f"The view {schema}.{view.name} failed: {message_of(error)} {NEXT_STEP}") from error


def published_views(place: Place) -> Iterator[PublishedMart]:
    """The views as a copy of the marts alone holds them: as tables, since they show raw tables."""
    for tool in TOOLS:
        for view in compatible_views(tool):
            yield PublishedMart(place.schema_for(tool), view.name, "table", "")


def _creation(view: Model, schema: str, place: Place) -> Iterator[str]:
    created = place.statement(f"{place.swap.create} view {{schema}}.{{name}}", schema=schema, name=view.name)
    yield f"{created} as {select_of(view, replace(place, day_timezone=UTC))}"  # their times are in UTC
    yield from descriptions(place.dialect, "view", schema, view.name, view.description, {})


def _drop(client: SqlClientBase[Any], place: Place, schema: str, names: Iterator[str]) -> None:
    with client.begin_transaction():
        for name in names:
            client.execute_sql(place.statement("drop view {schema}.{name}", schema=schema, name=name))
        client.execute_sql(place.statement("drop schema {schema}", schema=schema))
