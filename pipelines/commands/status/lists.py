"""The lists of the catalogue, as they were last read."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ...destinations import MARTS, Ask

IS_THERE = f"select 1 from information_schema.tables where table_schema = '{MARTS}' and table_name = 'list_reads'"  # noqa: S608
NEWEST = f"""
select workspace_id, table_name, status, problem, calls, fetched_count, observed_at
from (
    select *, row_number() over (partition by workspace_id, table_name order by observed_at desc) as recency
    from {MARTS}.list_reads
) as ranked
where recency = 1
order by workspace_id, table_name
"""  # noqa: S608 (a constant)


@dataclass(frozen=True)
class ListStatus:
    """The newest reading of a list. `problem`: why it was not complete; null if it was."""

    table_name: str
    status: str
    problem: str | None
    calls: int
    records: int
    observed_at: datetime

    @property
    def needs_attention(self) -> bool:
        """A list that the version of the API does not offer needs none."""
        return self.status in ("refused", "incomplete", "partial")


def newest_readings(ask: Ask) -> Mapping[str, list[ListStatus]]:
    """By workspace id; none in marts that an earlier release has published."""
    newest = defaultdict[str, list[ListStatus]](list)
    for workspace_id, *rest in ask(NEWEST) if ask(IS_THERE) else ():
        newest[workspace_id].append(ListStatus(*rest))
    return newest
