"""What earlier runs have loaded of the segments of companies."""

from collections import defaultdict

from ..memberships import RememberedSegment, SegmentVersion
from ..readings import LoadedTables


class LoadedCompanySegments:
    """The log of company segments of one workspace. It is empty where nothing is loaded yet."""

    def __init__(self, tables: LoadedTables) -> None:
        self._tables = tables

    def segments(self) -> dict[str, RememberedSegment]:
        """All segments ever scanned, by id; `how` is 'deleted' for those found deleted."""
        query = (
            "select segment_id, observed_at, how, status, problem, members from (select *, row_number() over "
            "(partition by segment_id order by observed_at desc) as recency from {company_segment_scans} "
            "where workspace_id = %s) as ranked where recency = 1"
        )
        return {key: RememberedSegment(key, 0, *rest) for key, *rest in self._tables.ask(query)}

    def versions(self) -> dict[str, SegmentVersion]:
        """The newest loaded definition of each segment, contacts' segments included."""
        return {key: versions[-1] for key, versions in self._tables.versions().items()}

    def members(self) -> dict[str, set[str]]:
        """The companies in each segment: those whose newest change there is a join."""
        query = (
            "select segment_id, company_id from (select *, row_number() over (partition by segment_id, company_id "
            "order by observed_at desc) as recency from {company_membership_changes} where workspace_id = %s) as "
            "ranked where recency = 1 and is_member"
        )
        members = defaultdict[str, set[str]](set)
        for segment_id, company_id in self._tables.ask(query):
            members[segment_id].add(company_id)
        return members

    def companies(self) -> set[str]:
        """All companies, those that are marked as deleted included."""
        return {company_id for (company_id,) in self._tables.ask("select id from {companies} where workspace_id = %s")}
