"""The members that changed since the last build: pairs of a segment and a contact or company.

The rows that a model which is `incremental_on` them has for one member come from that member's rows alone, and from
tables whose later rows cannot change them. So a sync derives the rows of touched members again, and keeps all others.

Touched are the members of new changes, all members of a segment with a new definition, and all memberships of a contact
that was newly found removed. Merges join contacts: with one of them all are touched. Rows that were built from and are
deleted or changed later touch the same members as when they were new, and these are noted in the same transaction.
Where a loaded table has lost other rows, what that touches is unknown, and all is built.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dlt.common.utils import chunks
from dlt.destinations.sql_client import SqlClientBase

from ..destinations import NotedTable, Query, relations, texts
from .definitions import Place
from .mark import (
    BUILT_FROM,
    NO_LOAD,
    NOT_LOADED,
    Loads,
    Mark,
    current_loads,
    read_mark,
    rewritten,
    rewritten_mark,
    state_of,
    write_mark,
)

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
REWRITTEN = NotedTable(
    "_rewritten_members",
    "Members whose loaded rows were deleted or changed: the next build derives them again, and clears this table.",
    dict.fromkeys(KEY, "text"),
    {
        "workspace_id": "Intercom's id of the workspace.",
        "segment_id": "Intercom's id of the segment.",
        "member_id": "Intercom's id of the contact or company.",
    },
)
SOURCES = ("membership_changes", "company_membership_changes", "contact_removals", "segments")
"""The loaded tables whose new rows touch members."""
SCANS = {"membership_changes": "segment_scans", "company_membership_changes": "company_segment_scans"}
"""By log of changes, the scans that have found them."""
NOTES_A_STATEMENT = 500
LARGEST_SHARE = 0.2
"""Of all spells. If more members are touched, it is cheaper to build all."""

Loaded = Mapping[str, Loads]
"""The loads of loaded tables, by table."""

OF_LOADS = "select * from {raw}.{table} where {load_id} in {loads}"
OF_CONTACTS = "select * from {raw}.{table} where workspace_id = '{workspace}' and contact_id in {contacts}"
OF_SCANS = """
select changes.*
from {raw}.{table} as changes
inner join (
    select removed.workspace_id, removed.segment_id, removed.observed_at as after, min(kept.observed_at) as until
    from {raw}.{scans} as removed
    left join {raw}.{scans} as kept
        on removed.workspace_id = kept.workspace_id
        and removed.segment_id = kept.segment_id
        and removed.observed_at < kept.observed_at
        and kept.status = 'complete'
        and kept.{load_id} not in {loads}
    where removed.{load_id} in {loads}
    group by removed.workspace_id, removed.segment_id, removed.observed_at
) as gaps
    on changes.workspace_id = gaps.workspace_id
    and changes.segment_id = gaps.segment_id
    and changes.observed_at > gaps.after
    and changes.observed_at <= coalesce(gaps.until, changes.observed_at)
"""
"""The changes that the next complete scan, and those before it, have found: their windows begin with removed scans."""
OF_MERGES = "select * from {raw}.{table} where workspace_id = '{workspace}' and merged_into_contact_id in {contacts}"
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
union
select workspace_id, segment_id, member_id from {rewritten} as rewritten
"""
NONE_REWRITTEN = Query("select '' as workspace_id, '' as segment_id, '' as member_id where false")

Touching = Mapping[str, Query]
"""By source, the query for the rows that touch members."""


def new_loads(
    client: SqlClientBase[Any], place: Place, before: Mark, loads: Loaded, present: Collection[str]
) -> dict[str, set[str]] | None:
    """By source, the loads that the marts were not built from; null where rows of earlier builds are missing."""
    built, new = _built_loads(client, place, present), dict[str, set[str]]()
    for source in SOURCES:
        now = loads.get(source, {})
        kept = _of_built(now, built[source])
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
    _find(client, place, {source: _of_loads(new[source], source, place) for source in SOURCES}, present)
    counted = "select (select count(*) from {build}.{touched}), (select count(*) from {build}.int_spells)"
    ((touched, spells),) = client.execute_sql(place.statement(counted, touched=TOUCHED)) or ()
    if touched <= LARGEST_SHARE * spells:
        return int(touched)
    drop_touched(client, place)
    return None


def touching_loads(place: Place, loads: Collection[str]) -> Touching:
    """The rows of these loads, and those whose windows of time begin with scans of these loads."""
    touching = {source: _of_loads(loads, source, place) for source in SOURCES}
    listed = texts(place.dialect, sorted(loads) or [""])
    for table, scans in SCANS.items():
        behind = place.statement(OF_SCANS, table=table, scans=scans, load_id="_dlt_load_id", loads=listed)
        touching[table] = Query(f"{touching[table]} union {behind}")
    return touching


def touching_contact(place: Place, workspace_id: str, contact_ids: Collection[str]) -> Touching:
    """The rows of one contact, which has had these ids."""
    ids = texts(place.dialect, sorted(contact_ids))
    rows = {"membership_changes": (OF_CONTACTS,), "contact_removals": (OF_CONTACTS, OF_MERGES)}
    named = {"workspace": workspace_id, "contacts": ids}
    found = {
        table: Query(" union ".join(place.statement(one, table=table, **named) for one in templates))
        for table, templates in rows.items()
    }
    return {**{source: _of_loads((), source, place) for source in SOURCES}, **found}


@contextmanager
def rewriting(client: SqlClientBase[Any], place: Place, touching: Touching | None) -> Iterator[None]:
    """Notes the members that the block touches when it changes loaded rows. To be used in the block's transaction.

    The next build derives those members again, and all tables that are not derived. Where the marts were not built from
    the rows that are there, it builds all.

    Args:
        touching: the rows of which the block deletes or changes some, before it and after it; null if they are unknown.
    """
    present = relations(client.execute_sql, place.dialect, place.build)
    mark = read_mark(client, place, present)
    if not mark:
        yield
        return
    built = _built_loads(client, place, present)
    loads = current_loads(client, place, [source for source in SOURCES if mark.get(source) != NOT_LOADED])
    is_as_built = new_loads(client, place, mark, loads, present) is not None
    if touching is None or not is_as_built or not _are_few(client, place, touching):
        BUILT_FROM.clear(client, place.dialect, place.build)
        yield
        return
    _note_rewritten(client, place, touching)
    yield
    _note_rewritten(client, place, touching)
    left = {
        source: state_of(_of_built(now, built[source])) for source, now in current_loads(client, place, loads).items()
    }
    write_mark(client, place, rewritten_mark(mark, left))


def _are_few(client: SqlClientBase[Any], place: Place, touching: Touching) -> bool:
    """Whether the changes among these rows are so few that it is cheaper to derive their members than to build all."""
    counted = "select (select count(*) from {changes} as changes), (select count(*) from {build}.int_spells)"
    ((changes, spells),) = client.execute_sql(place.statement(counted, changes=touching["membership_changes"])) or ()
    return bool(changes <= LARGEST_SHARE * spells)


def _note_rewritten(client: SqlClientBase[Any], place: Place, touching: Touching) -> None:
    """Adds the members that rows touch as they are now."""
    REWRITTEN.create(client, place.dialect, place.build)
    _find(client, place, touching, ())
    noted = "insert into {build}.{rewritten} select workspace_id, segment_id, member_id from {build}.{touched}"
    client.execute_sql(place.statement(noted, rewritten=REWRITTEN.name, touched=TOUCHED))
    drop_touched(client, place)


def forget_rewritten(client: SqlClientBase[Any], place: Place, present: Collection[str]) -> None:
    """To be called in the transaction that builds their rows."""
    if REWRITTEN.name in present:
        REWRITTEN.clear(client, place.dialect, place.build)


def _find(client: SqlClientBase[Any], place: Place, touching: Touching, present: Collection[str]) -> None:
    noted = place.statement("select * from {build}.{table}", table=REWRITTEN.name)
    rewritten = Query(noted) if REWRITTEN.name in present else NONE_REWRITTEN
    client.execute_sql(place.statement(FIND, touched=TOUCHED, rewritten=rewritten, **touching))


def _of_loads(loads: Collection[str], source: str, place: Place) -> Query:
    """A query for the rows of these loads. Literals, so that the database reads no others."""
    listed = texts(place.dialect, sorted(loads) or [""])
    return Query(place.statement(OF_LOADS, table=source, load_id="_dlt_load_id", loads=listed))


def _of_built(now: Loads, built: Collection[str]) -> Loads:
    """What a table has of the loads that were built from."""
    return {load: count for load, count in now.items() if load in built}


def drop_touched(client: SqlClientBase[Any], place: Place) -> None:
    """Nothing outside of a build sees the table."""
    client.execute_sql(place.statement("drop table if exists {build}.{touched}", touched=TOUCHED))


def note_loads(client: SqlClientBase[Any], place: Place, loads: Loaded) -> None:
    """Notes what the marts are built from. To be called in the transaction that builds them."""
    BUILT_LOADS.create(client, place.dialect, place.build)
    built = {
        (source, load) for source, known in _built_loads(client, place, (BUILT_LOADS.name,)).items() for load in known
    }
    now = {(source, load) for source in SOURCES for load in loads.get(source, {})}
    if built - now:
        BUILT_LOADS.clear(client, place.dialect, place.build)
        built = set()
    for part in chunks(sorted(now - built), NOTES_A_STATEMENT):
        BUILT_LOADS.add(client, place.dialect, place.build, part)


def _built_loads(client: SqlClientBase[Any], place: Place, present: Collection[str]) -> dict[str, set[str]]:
    """The noted loads, by source."""
    noted = defaultdict[str, set[str]](set)
    for source, load_id in BUILT_LOADS.rows(client.execute_sql, place.dialect, place.build, present):
        noted[source].add(load_id)
    return noted
