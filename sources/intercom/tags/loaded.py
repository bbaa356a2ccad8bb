"""What earlier runs have loaded of the contacts' tags."""

from ..memberships import LastSweep, RememberedSegment
from ..readings import LoadedTables


class LoadedTags:
    """The log of tags of one workspace. It is empty where nothing is loaded yet."""

    def __init__(self, tables: LoadedTables) -> None:
        self._tables = tables

    def names(self) -> dict[str, str | None]:
        """The tags that are loaded, and were not deleted, with their names."""
        query = "select id, name from {tags} where workspace_id = %s and not is_deleted"
        return dict(self._tables.ask(query))

    def scanned(self) -> dict[str, RememberedSegment]:
        """All tags ever scanned, by id, with the newest scan; `how` is 'deleted' for those found deleted."""
        whole = (
            "select tag_id, observed_at, members from (select *, row_number() over (partition by tag_id order by "
            "observed_at desc) as recency from {contact_tag_scans} where workspace_id = %s and status = 'complete') "
            "as ranked where recency = 1"
        )
        swept = {key: LastSweep(at, None, members) for key, at, members in self._tables.ask(whole)}
        query = (
            "select tag_id, observed_at, how, status, problem, members, tag_name from (select *, row_number() over "
            "(partition by tag_id order by observed_at desc) as recency from {contact_tag_scans} "
            "where workspace_id = %s) as ranked where recency = 1"
        )
        return {
            key: RememberedSegment(key, 0, at, how, status, problem, members, swept.get(key), name)
            for key, at, how, status, problem, members, name in self._tables.ask(query)
        }

    def contacts(self, tag_id: str) -> set[str]:
        """The contacts with a tag: those whose newest change says so."""
        query = (
            "select contact_id from (select *, row_number() over (partition by contact_id order by observed_at desc) "
            "as recency from {contact_tag_changes} where workspace_id = %s and tag_id = %s) as ranked "
            "where recency = 1 and is_member"
        )
        return {contact_id for (contact_id,) in self._tables.ask(query, tag_id)}
