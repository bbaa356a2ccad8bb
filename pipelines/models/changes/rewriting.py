"""Notes the members that a command touches when it deletes or changes rows that the marts were built from.

Rows touch the same members then as when they were new. Those behind a removed scan are touched, too: their windows of
time began with it. All of it is noted in the transaction that changes the rows, so that the next build knows it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from ...destinations import Query, relations, texts
from ..definitions import Place
from .mark import BUILT_FROM, NOT_LOADED, current_loads, read_mark, rewritten_mark, state_of, write_mark
from .touched import (
    REWRITTEN_MEMBERS,
    SOURCES,
    TOUCHED,
    Touching,
    are_few,
    built_loads,
    drop_touched,
    find,
    new_loads,
    of_built,
    of_loads,
)

SCANS = {"membership_changes": "segment_scans", "company_membership_changes": "company_segment_scans"}
"""By log of changes, the scans that have found them."""
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


def touching_loads(place: Place, loads: Collection[str]) -> Touching:
    """The rows of these loads, and those whose windows of time begin with scans of these loads."""
    touching = {source: of_loads(loads, source, place) for source in SOURCES}
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
    return {**{source: of_loads((), source, place) for source in SOURCES}, **found}


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
    built = built_loads(client, place, present)
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
        source: state_of(of_built(now, built[source])) for source, now in current_loads(client, place, loads).items()
    }
    write_mark(client, place, rewritten_mark(mark, left))


def _are_few(client: SqlClientBase[Any], place: Place, touching: Touching) -> bool:
    """Whether these rows have few changes. What they touch beside is counted by the next build."""
    counted = "select (select count(*) from {changes} as changes), (select count(*) from {build}.int_spells)"
    ((changes, spells),) = client.execute_sql(place.statement(counted, changes=touching["membership_changes"])) or ()
    return are_few(changes, spells)


def _note_rewritten(client: SqlClientBase[Any], place: Place, touching: Touching) -> None:
    """Adds the members that rows touch as they are now."""
    REWRITTEN_MEMBERS.create(client, place.dialect, place.build)
    find(client, place, touching, ())
    noted = "insert into {build}.{rewritten} select workspace_id, segment_id, member_id from {build}.{touched}"
    client.execute_sql(place.statement(noted, rewritten=REWRITTEN_MEMBERS.name, touched=TOUCHED))
    drop_touched(client, place)
