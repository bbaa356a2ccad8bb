"""Exchanges the marts as a whole, where replacing one table would make its readers wait for all the rest: PostgreSQL.

The old schema is renamed, which locks no table, and a new one is built under its name. Readers go on in the old one
until the commit and find the new one after it. What other people attached to the old one is carried over, or refused.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from dlt.destinations.exceptions import DatabaseTransientException
from dlt.destinations.sql_client import SqlClientBase

from ..errors import ModelsFailed

READERS_GO_FIRST = "100ms"
"""Less than deadlock_timeout, a second by default: where a reader and a drop wait for each other, the drop yields."""

SCHEMA_GRANTS = """
select format('grant %%s on schema %%I', privilege_type, %(marts)s::text), grantee::regrole::text, is_grantable
from pg_namespace, aclexplode(nspacl)
where pg_namespace.oid = %(old)s and grantee <> nspowner

union all

select format('alter default privileges in schema %%I grant %%s on tables', %(marts)s::text, privilege_type),
    grantee::regrole::text, is_grantable
from pg_default_acl, aclexplode(defaclacl)
where defaclnamespace = %(old)s and defaclobjtype = 'r' and defaclrole::regrole::text = quote_ident(current_user)
"""
RELATION_GRANTS = """
select format('grant %%s on %%I.%%I', privilege_type, %(marts)s::text, relname), grantee::regrole::text, is_grantable
from pg_class, aclexplode(relacl)
where relnamespace = %(old)s and relkind in ('r', 'v') and grantee <> relowner

union all

select format('grant %%s (%%I) on %%I.%%I', privilege_type, attname, %(marts)s::text, relname),
    grantee::regrole::text, is_grantable
from pg_class join pg_attribute on attrelid = pg_class.oid, aclexplode(attacl)
where relnamespace = %(old)s and relkind in ('r', 'v') and not attisdropped
"""
LOST_WITH_THE_OLD = """
select pg_describe_object(classid, objid, 0)
from pg_depend
where refclassid = 'pg_namespace'::regclass and refobjid = %(old)s
    and classid <> 'pg_default_acl'::regclass
    and objid not in (select oid from pg_class where relnamespace = %(old)s and relname::text = any(%(models)s))

union

select pg_describe_object(
    case when ev_class is null then classid else 'pg_class'::regclass end, coalesce(ev_class, objid), 0)
from pg_depend
join pg_class as ours on refclassid = 'pg_class'::regclass and refobjid = ours.oid and ours.relnamespace = %(old)s
left join pg_rewrite on classid = 'pg_rewrite'::regclass and pg_rewrite.oid = objid
left join pg_class as dependent on dependent.oid = ev_class
where deptype = 'n' and dependent.relnamespace is distinct from %(old)s

order by 1
"""


@contextmanager
def exchanged(client: SqlClientBase[Any], marts: str, models: Collection[str]) -> Iterator[None]:
    """Lets the marts be built in a new, empty schema, which takes the old one's place when the transaction commits.

    To be entered within a transaction; `drop_replaced` is for after it.

    Raises:
        ModelsFailed: something that is not ours is in the old schema, or made of it, and would be lost.
    """
    name = client.capabilities.escape_identifier
    old = _schema_id(client, marts)
    if old:
        client.execute_sql(f"alter schema {name(marts)} rename to {name(f'{_replaced(marts)}{old}')}")
    client.execute_sql(f"create schema {name(marts)}")
    _carry_over(client, SCHEMA_GRANTS, marts, old)
    yield
    _refuse_losses(client, marts, old, models)
    _carry_over(client, RELATION_GRANTS, marts, old)


def drop_replaced(client: SqlClientBase[Any], marts: str) -> None:
    """Drops the schemas that builds replaced; one that a reader's transaction holds is left to the next build."""
    schemas = client.execute_sql("select nspname from pg_namespace where starts_with(nspname, %s)", _replaced(marts))
    for (schema,) in schemas or ():
        with suppress(DatabaseTransientException), client.begin_transaction():
            client.execute_sql(f"set local lock_timeout = '{READERS_GO_FIRST}'")
            client.execute_sql(f"drop schema {client.capabilities.escape_identifier(schema)} cascade")


def _replaced(marts: str) -> str:
    return f"{marts}_replaced_"


def _schema_id(client: SqlClientBase[Any], schema: str) -> int | None:
    rows = client.execute_sql("select oid from pg_namespace where nspname = %s", schema)
    return rows[0][0] if rows else None


def _carry_over(client: SqlClientBase[Any], grants: str, marts: str, old: int | None) -> None:
    for grant, role, is_grantable in client.execute_sql(grants, marts=marts, old=old) or ():
        to = "public" if role == "-" else role
        client.execute_sql(f"{grant} to {to}{' with grant option' if is_grantable else ''}")


def _refuse_losses(client: SqlClientBase[Any], marts: str, old: int | None, models: Collection[str]) -> None:
    lost = client.execute_sql(LOST_WITH_THE_OLD, old=old, models=list(models))
    if lost:
        names = ", ".join(name.replace(f"{_replaced(marts)}{old}", marts) for (name,) in lost)
        raise ModelsFailed(
            f"Every build makes the schema {marts} anew, and would drop what it did not make itself: "
            f"{names}. The raw tables are loaded and the marts stayed as they were. Move "
            "tables to a schema of their own, and drop views on marts or make them models (docs/destinations.md); the "
            "next run rebuilds the marts."
        )
