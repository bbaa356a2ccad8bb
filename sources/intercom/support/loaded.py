"""What earlier runs have loaded of conversations and tickets."""

from datetime import datetime

from ..catalog import Resource
from ..readings import LoadedTables


class LoadedSupport:
    """The tables of one workspace. Those that are not loaded yet are empty."""

    def __init__(self, tables: LoadedTables) -> None:
        self._tables = tables

    def complete_at(self, resource: Resource) -> dict[str, datetime]:
        """When the resource was last read completely in each way."""
        query = (
            "select how, max(observed_at) from {list_reads} where workspace_id = %s and table_name = %s "
            "and status = 'complete' group by how"
        )
        return dict(self._tables.ask(query, resource.table))

    def present_count(self, resource: Resource) -> int:
        """How many of its records are loaded, and not marked as deleted."""
        query = f"select count(*) from {{{resource.table}}} where workspace_id = %s and not is_deleted"  # noqa: S608 (our own names)
        return sum(count for (count,) in self._tables.ask(query))
