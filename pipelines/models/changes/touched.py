"""The members that changed since the last build: pairs of a segment and a contact or company.

The rows that a model which is `incremental_on` them has for one member come from that member's rows alone, and from
tables whose later rows cannot change them. So a sync derives the rows of touched members again, and keeps all others.

Touched are the members of new changes, all members of a segment with a new definition, and all memberships of a contact
that was newly found removed. Merges join contacts: with one of them all are touched. Where a loaded table has lost rows
that were built from, what that touches is unknown unless it was noted (`rewriting.py`), and all is built.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from dlt.common.utils import chunks
from dlt.destinations.sql_client import SqlClientBase

from ...destinations import NotedTable, Query, texts
from ..definitions import Place
from .mark import NO_LOAD, NOT_LOADED, Loads, Mark, rewritten, state_of

BUILT_LOADS = NotedTable(
    "_built_loads",
    "The loads that the marts were built from: the next sync derives again what later ones touch.",
    {"source": "text", "load_id": "text"},
    {"source": "A loaded table.", "load_id": "dlt's id of the load."},
)
TOUCHED = "int_touched_members"
"""The table that holds them during a build."""
MERGED = "int_merged_members"
"""The table that holds removed members, and those that merges join to touched ones, while others are found."""
KEY, KEY_IN_ANY = ("workspace_id", "segment_id", "member_id"), ("workspace_id", "member_id")
"""A member in one segment, and in any."""
REWRITTEN_MEMBERS = NotedTable(
    "_rewritten_members",
    "Members whose loaded rows were deleted or changed: the next build derives them again, and drops this table.",
    dict.fromkeys(KEY, "text"),
    {
        "workspace_id": "Intercom's id of the workspace.",
        "segment_id": "Intercom's id of the segment.",
        "member_id": "Intercom's id of the contact or company.",
    },
)
SOURCES = ("membership_changes", "company_membership_changes", "contact_removals", "segments")
"""The loaded tables whose new rows touch members."""
NOTES_A_STATEMENT = 500
LARGEST_SHARE = 0.2
"""Of all spells. If more members are touched, it is cheaper to build all."""

Loaded = Mapping[str, Loads]
"""The loads of loaded tables, by table."""

OF_LOADS = "select * from {raw}.{table} where {load_id} in {loads}"
DIRECTLY = """
create or replace table {build}.{touched} as
select workspace_id, segment_id, contact_id as member_id from {membership_changes} as changes
union
select workspace_id, segment_id, company_id as member_id from {company_membership_changes} as changes
union
select known.workspace_id, known.segment_id, known.member_id
from (
    select workspace_id, segment_id, member_id from {build}.int_spells
    union all
    select workspace_id, segment_id, company_id as member_id from {raw}.company_membership_changes
) as known
semi join {segments} as versions
    on known.workspace_id = versions.workspace_id and known.segment_id = versions.segment_id
"""
BY_MERGES = """
create or replace table {build}.{merged} as
with recursive

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
    select touched.workspace_id, touched.member_id as one
    from {build}.{touched} as touched
    semi join links on touched.workspace_id = links.workspace_id and touched.member_id = links.one
),

reached as (
    select workspace_id, one from first
    union
    select links.workspace_id, links.other as one
    from reached
    inner join links on reached.workspace_id = links.workspace_id and reached.one = links.one
)

select workspace_id, one as member_id from reached
"""
THE_REST = """
insert into {build}.{touched}
select rest.workspace_id, rest.segment_id, rest.member_id
from (
    select spells.workspace_id, spells.segment_id, spells.member_id
    from {build}.int_spells as spells
    semi join {build}.{merged} as merged
        on spells.workspace_id = merged.workspace_id and spells.member_id = merged.member_id
    union
    select workspace_id, segment_id, member_id from {rewritten} as rewritten
) as rest
anti join {build}.{touched} as touched
    on rest.workspace_id = touched.workspace_id
    and rest.segment_id = touched.segment_id
    and rest.member_id = touched.member_id
"""
FIND = (DIRECTLY, BY_MERGES, THE_REST, "drop table {build}.{merged}")
"""Contacts without a spell have no rows that could change. Companies have no spells until their segment is listed.
Several statements, because the database has to know how few members merges reach: else it puts all spells into memory.
"""
NONE_REWRITTEN = Query("select '' as workspace_id, '' as segment_id, '' as member_id where false")

Touching = Mapping[str, Query]
"""By source, the query for the rows that touch members."""


def new_loads(
    client: SqlClientBase[Any], place: Place, before: Mark, loads: Loaded, present: Collection[str]
) -> dict[str, set[str]] | None:
    """By source, the loads that the marts were not built from; null where rows of earlier builds are missing."""
    built, new = built_loads(client, place, present), dict[str, set[str]]()
    for source in SOURCES:
        now = loads.get(source, {})
        kept = of_built(now, built[source])
        if before.get(source) not in (NOT_LOADED, state_of(kept), rewritten(state_of(kept))) or NO_LOAD in now:
            return None  # also where the load of a row is unknown
        new[source] = now.keys() - kept.keys()
    return new


def find_touched(
    client: SqlClientBase[Any], place: Place, new: Mapping[str, Collection[str]], present: Collection[str]
) -> int | None:
    """Creates the table of touched members, and counts them. Null, and no table, where there are too many of them.

    Args:
        new: the loads that touch them, by source.
        present: the relations of the schema of builds.
    """
    find(client, place, {source: of_loads(new[source], source, place) for source in SOURCES}, present)
    counted = "select (select count(*) from {build}.{touched}), (select count(*) from {build}.int_spells)"
    ((touched, spells),) = client.execute_sql(place.statement(counted, touched=TOUCHED)) or ()
    if are_few(touched, spells):
        return int(touched)
    drop_touched(client, place)
    return None


def find(client: SqlClientBase[Any], place: Place, touching: Touching, present: Collection[str]) -> None:
    """Creates the table of the members that these rows touch, and of those noted in a table that is `present`."""
    noted = place.statement("select * from {build}.{table}", table=REWRITTEN_MEMBERS.name)
    rewritten = Query(noted) if REWRITTEN_MEMBERS.name in present else NONE_REWRITTEN
    for template in FIND:
        client.execute_sql(place.statement(template, touched=TOUCHED, merged=MERGED, rewritten=rewritten, **touching))


def of_loads(loads: Collection[str], source: str, place: Place) -> Query:
    """A query for the rows of these loads. Literals, so that the database reads no others."""
    listed = texts(place.dialect, sorted(loads) or [""])
    return Query(place.statement(OF_LOADS, table=source, load_id="_dlt_load_id", loads=listed))


def of_built(now: Loads, built: Collection[str]) -> Loads:
    """What a table has of the loads that were built from."""
    return {load: count for load, count in now.items() if load in built}


def are_few(touched: int, spells: int) -> bool:
    """Whether it is cheaper to derive the rows of touched members again than to build all."""
    return touched <= LARGEST_SHARE * spells


def drop_rewritten(client: SqlClientBase[Any], place: Place) -> None:
    """To be called in the transaction that builds their rows. Deleted rows could still be read from a lake's notes."""
    client.execute_sql(place.statement("drop table {build}.{rewritten}", rewritten=REWRITTEN_MEMBERS.name))


def drop_touched(client: SqlClientBase[Any], place: Place) -> None:
    """Nothing outside of a build sees the table."""
    client.execute_sql(place.statement("drop table if exists {build}.{touched}", touched=TOUCHED))


def note_loads(client: SqlClientBase[Any], place: Place, loads: Loaded) -> None:
    """Notes what the marts are built from. To be called in the transaction that builds them."""
    BUILT_LOADS.create(client, place.dialect, place.build)
    built = {
        (source, load) for source, known in built_loads(client, place, (BUILT_LOADS.name,)).items() for load in known
    }
    now = {(source, load) for source in SOURCES for load in loads.get(source, {})}
    if built - now:
        BUILT_LOADS.clear(client, place.dialect, place.build)
        built = set()
    for part in chunks(sorted(now - built), NOTES_A_STATEMENT):
        BUILT_LOADS.add(client, place.dialect, place.build, part)


def built_loads(client: SqlClientBase[Any], place: Place, present: Collection[str]) -> dict[str, set[str]]:
    """The noted loads, by source."""
    noted = defaultdict[str, set[str]](set)
    for source, load_id in BUILT_LOADS.rows(client.execute_sql, place.dialect, place.build, present):
        noted[source].add(load_id)
    return noted
