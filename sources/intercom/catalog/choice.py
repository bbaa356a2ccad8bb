"""Which resources a run reads."""

from collections.abc import Collection, Iterator, Mapping

from ..wire import did_you_mean
from . import companies, contacts, content, conversations, people, tickets
from .form import Resource, Table

RESOURCES: tuple[Resource, ...] = (
    *people.RESOURCES,
    *companies.RESOURCES,
    *contacts.RESOURCES,
    *tickets.RESOURCES,
    *conversations.RESOURCES,
    *content.RESOURCES,
)
"""The catalogue: each resource after the one whose records it is asked for."""
DEFAULT, ALL = "default", "all"
"""Names for all resources that are read by default, and for all there are."""
BY_NAME: Mapping[str, Resource] = {table.table: one for one in RESOURCES for table in one.tables}
"""The resource that fills a table."""
EMBEDDED = frozenset(one.table for one in RESOURCES if one.parent and one.parent.embedded)
"""Tables of lists of which contacts embed the beginning."""
TABLES: Mapping[str, Table] = {table.table: table for one in RESOURCES for table in one.tables}


def grain(name: str) -> str:
    """What a row of a table is, for documents."""
    table, resource = TABLES[name], BY_NAME[name]
    if resource.parent and resource.parent.embedded:
        return f"contact and {resource.noun}"
    if table is resource:
        return resource.noun
    return f"{resource.noun} and {table.key[0].removesuffix('_id').replace('_', ' ')}"


def chosen(names: Collection[str]) -> tuple[Resource, ...]:
    """The resources that a setting names, in the catalogue's order. Names of tables count for their resource.

    What follows a searched list is read with that list.
    """
    named = {BY_NAME[name].table for name in names if name in BY_NAME}
    named |= {BY_NAME[name].follows for name in named}
    is_default, is_all = DEFAULT in names, ALL in names
    return tuple(one for one in RESOURCES if is_all or one.table in named or (is_default and one.is_default))


def choice_problems(names: Collection[str]) -> Iterator[str]:
    """What is wrong with such a setting, in sentences that end with the next step."""
    for name in sorted(set(names) - BY_NAME.keys() - {DEFAULT, ALL}):
        yield (
            f"No resource is called {name!r}.{did_you_mean(name, BY_NAME)} intercom-warehouse resources lists them. "
            f"Beside those, {DEFAULT} and {ALL} can be named."
        )
