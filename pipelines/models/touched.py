"""The members that changed since the last build: pairs of a segment and a contact or company.

The rows that a model which is `incremental_on` them has for one member come from that member's rows alone, and from
tables whose later rows cannot change them. So a sync derives the rows of touched members again, and keeps all others.

Touched are the members of new changes, all members of a segment with a new definition, and all memberships of a contact
that was newly found removed. Merges join contacts: with one of them all are touched. Where a loaded table has lost rows
that were built from, what that touches is unknown, and all is built.
"""

from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from ..destinations import NotedTable, Query
from .definitions import Place
from .mark import NOT_LOADED, Mark, state_of

BUILT_LOADS = NotedTable(
    "_built_loads",
    "The loads that the marts were built from: the next sync derives again what later ones touch.",
    {"source": "text", "load_id": "text"},
    {"source": "A loaded table.", "load_id": "dlt's id of the load."},
)
TOUCHED = "int_touched_members"
"""The table that holds them during a build."""
KEY, KEY_IN_ANY = ("workspace_id", "segment_id", "member_id"), ("workspace_id", "member_id")
"""A member in one segment, and in any."""
SOURCES = ("membership_changes", "company_membership_changes", "contact_removals", "segments")
"""The loaded tables whose new rows touch members."""
LARGEST_SHARE = 0.2
"""Of all spells. If more members are touched, it is cheaper to build all."""

KNOWN = "select * from {raw}.{table} where {load_id} in (select load_id from {build}.{loads} where source = '{table}')"
NEW = KNOWN.replace(" in (", " not in (")
FIND = """
create or replace table {build}.{touched} as
with recursive

changed as (
    select workspace_id, segment_id, contact_id as member_id from {membership_changes} as changes
    union
    select workspace_id, segment_id, company_id as member_id from {company_membership_changes} as changes
),

edited as (
    select distinct workspace_id, segment_id from {segments} as versions
),

known as not materialized (
    select workspace_id, segment_id, contact_id as member_id from {raw}.membership_changes
    union all
    select workspace_id, segment_id, company_id as member_id from {raw}.company_membership_changes
),

directly as (
    select workspace_id, segment_id, member_id from changed
    union
    select known.workspace_id, known.segment_id, known.member_id
    from known
    semi join edited on known.workspace_id = edited.workspace_id and known.segment_id = edited.segment_id
),

links as (
    select workspace_id, contact_id as one, merged_into_contact_id as other
    from {raw}.contact_removals
    where merged_into_contact_id is not null
    union
    select workspace_id, merged_into_contact_id as one, contact_id as other
    from {raw}.contact_removals
    where merged_into_contact_id is not null
),

first as (
    select workspace_id, contact_id as one from {contact_removals} as removals
    union
    select directly.workspace_id, directly.member_id as one
    from directly
    semi join links on directly.workspace_id = links.workspace_id and directly.member_id = links.one
),

reached as (
    select workspace_id, one from first
    union
    select links.workspace_id, links.other as one
    from reached
    inner join links on reached.workspace_id = links.workspace_id and reached.one = links.one
)

select workspace_id, segment_id, member_id from directly
union
select known.workspace_id, known.segment_id, known.member_id
from known
semi join reached on known.workspace_id = reached.workspace_id and known.member_id = reached.one
"""


def can_find_touched(client: SqlClientBase[Any], place: Place, before: Mark) -> bool:
    """Whether all rows that the marts were built from are still loaded. To be called outside of a transaction."""
    return all(_only_grew(client, place, source, before) for source in SOURCES)


def find_touched(client: SqlClientBase[Any], place: Place) -> int | None:
    """Creates the table of touched members, and counts them. Null, and no table, where there are too many of them."""
    new = {source: Query(_of(NEW, source, place)) for source in SOURCES}
    client.execute_sql(place.statement(FIND, touched=TOUCHED, **new))
    counted = "select (select count(*) from {build}.{touched}), (select count(*) from {build}.int_spells)"
    ((touched, spells),) = client.execute_sql(place.statement(counted, touched=TOUCHED)) or ()
    if touched <= LARGEST_SHARE * spells:
        return int(touched)
    drop_touched(client, place)
    return None


def drop_touched(client: SqlClientBase[Any], place: Place) -> None:
    """Nothing outside of a build sees the table."""
    client.execute_sql(place.statement("drop table if exists {build}.{touched}", touched=TOUCHED))


def note_loads(client: SqlClientBase[Any], place: Place) -> None:
    """Notes what the marts are built from. To be called in the transaction that builds them."""
    BUILT_LOADS.create(client, place.dialect, place.build)
    BUILT_LOADS.clear(client, place.dialect, place.build)
    for source in SOURCES:
        noted = "insert into {build}.{loads} select distinct '{table}', {load_id} from {raw}.{table}"
        client.execute_sql(_of(noted, source, place))


def _only_grew(client: SqlClientBase[Any], place: Place, source: str, before: Mark) -> bool:
    """Whether each row that was built from is still there."""
    return before.get(source) in (NOT_LOADED, state_of(client, place, _of(KNOWN, source, place)))


def _of(template: str, source: str, place: Place) -> str:
    return place.statement(template, table=source, loads=BUILT_LOADS.name, load_id="_dlt_load_id")
