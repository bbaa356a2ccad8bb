"""The ways in which new marts take the place of the old ones, after their checks hold.

`replace` replaces each relation where it is: one that is not built stays. `rename` exchanges the whole schema, where
replacing a table would block its readers until the end of the build. Both are one step for readers. `repoint` is for
engines that cannot change tables in a transaction: readers query views, and these are exchanged one after another.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import ModelsFailed
from .interface import Dialect, Swap
from .sql import identifier, relations, statement

if TYPE_CHECKING:
    from dlt.destinations.sql_client import SqlClientBase

READERS_GO_FIRST = "100ms"
"""Less than deadlock_timeout, a second by default: where a reader and a drop block each other, the drop gives up."""

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
where refclassid = 'pg_namespace'::regclass and refobjid = any(%(old)s)
    and classid <> 'pg_default_acl'::regclass
    and objid not in (select oid from pg_class where relnamespace = any(%(old)s) and relname::text = any(%(models)s))

union

select pg_describe_object(
    case when ev_class is null then classid else 'pg_class'::regclass end, coalesce(ev_class, objid), 0)
from pg_depend
join pg_class as ours on refclassid = 'pg_class'::regclass and refobjid = ours.oid and ours.relnamespace = any(%(old)s)
left join pg_rewrite on classid = 'pg_rewrite'::regclass and pg_rewrite.oid = objid
left join pg_class as dependent on dependent.oid = ev_class
where deptype = 'n' and (dependent.relnamespace is null or dependent.relnamespace <> all(%(old)s))

order by 1
"""


class MartsSwap(Protocol):
    """One way. `create` is how a relation is created; `builds_all`: a build that omits a mart would lose it."""

    create: str
    builds_all: bool

    def swapped(
        self, client: SqlClientBase[Any], dialect: Dialect, schemas: Sequence[str], models: Collection[str]
    ) -> AbstractContextManager[str]:
        """Readers see what the block builds when it ends without an error. Gives the schema to build marts in.

        Args:
            schemas: those that readers query, first that of the marts, and last that of what they are built from.

        Raises:
            ModelsFailed: the swap would drop what others have made. The marts are as they were.
        """


class Replace:
    create = "create or replace"
    builds_all = False

    @contextmanager
    def swapped(
        self, client: SqlClientBase[Any], dialect: Dialect, schemas: Sequence[str], models: Collection[str]
    ) -> Iterator[str]:
        with client.begin_transaction():
            for schema in schemas:
                client.execute_sql(statement(dialect, "create schema if not exists {schema}", schema=schema))
            yield schemas[0]


class Rename:
    """PostgreSQL's. Renaming a schema locks no table, so its readers go on in it until the commit.

    Grants on the old schemas are carried over. What others have made in them, or of them, is refused.
    """

    create = "create"
    builds_all = True

    @contextmanager
    def swapped(
        self, client: SqlClientBase[Any], dialect: Dialect, schemas: Sequence[str], models: Collection[str]
    ) -> Iterator[str]:
        with client.begin_transaction():
            old = {schema: number for schema in schemas if (number := _schema_id(client, schema))}
            for schema, number in old.items():
                replaced = identifier(dialect, f"{_replaced(schemas[0])}{number}")
                client.execute_sql(f"alter schema {identifier(dialect, schema)} rename to {replaced}")
            for schema in schemas:
                client.execute_sql(statement(dialect, "create schema {schema}", schema=schema))
                _carry_over(client, SCHEMA_GRANTS, schema, old.get(schema))
            yield schemas[0]
            _refuse_losses(client, old, schemas[0], models)
            for schema in schemas:
                _carry_over(client, RELATION_GRANTS, schema, old.get(schema))
        _drop_replaced(client, dialect, schemas[0])


class Repoint:
    """Builds `intercom_<number>`, then makes the view of each mart show it. The views stay when a build is killed.

    Readers can see marts of both builds while views are exchanged. Descriptions are on what the views show.
    """

    create = "create"
    builds_all = True

    @contextmanager
    def swapped(
        self, client: SqlClientBase[Any], dialect: Dialect, schemas: Sequence[str], models: Collection[str]
    ) -> Iterator[str]:
        marts = schemas[0]
        names = _schema_names(client, dialect)
        numbers = [int(found[1]) for name in names if (found := re.match(rf"{re.escape(marts)}_(\d+)(?:_|$)", name))]
        # ours has its build beside it, made first and dropped last; that of another stays, and its number unused
        old = sorted({one for one in numbers if _schemas_like(f"{marts}_{one}", schemas)[-1] in names})
        new = f"{marts}_{max(numbers, default=0) + 1}"
        try:
            for schema in (*schemas[:-1], *reversed(_schemas_like(new, schemas))):
                client.execute_sql(statement(dialect, "create schema if not exists {schema}", schema=schema))
            yield new
        except Exception:
            _drop_build(client, dialect, _schemas_like(new, schemas))
            raise
        shown = {schema: _repoint(client, dialect, schema, _like(new, schema, marts)) for schema in schemas[:-1]}
        for number in old:
            for schema, kept in shown.items():
                built = relations(client.execute_sql, dialect, _like(f"{marts}_{number}", schema, marts)).keys()
                _drop_views(client, dialect, schema, built - kept)
            _drop_build(client, dialect, _schemas_like(f"{marts}_{number}", schemas))


SWAPS: Mapping[Swap, MartsSwap] = {"replace": Replace(), "rename": Rename(), "repoint": Repoint()}


def _schemas_like(new: str, schemas: Sequence[str]) -> list[str]:
    """The schemas of one build: the marts' schema is called `new`, the others are named after it."""
    return [_like(new, schema, schemas[0]) for schema in schemas]


def _like(new: str, schema: str, marts: str) -> str:
    return f"{new}{schema.removeprefix(marts)}"


def _schema_names(client: SqlClientBase[Any], dialect: Dialect) -> set[str]:
    query = f"select schema_name from information_schema.schemata where catalog_name = {dialect.catalog}"  # noqa: S608 (a constant)
    return {name for (name,) in client.execute_sql(statement(dialect, query)) or ()}


def _repoint(client: SqlClientBase[Any], dialect: Dialect, marts: str, new: str) -> Collection[str]:
    """Makes the view of each mart show the new build; returns their names."""
    present = relations(client.execute_sql, dialect, marts)
    built = relations(client.execute_sql, dialect, new)
    for mart in built:
        if present.get(mart) == "table":  # built by another swap
            client.execute_sql(statement(dialect, "drop table {marts}.{mart}", marts=marts, mart=mart))
        shown = "create or replace view {marts}.{mart} as select * from {new}.{mart}"
        client.execute_sql(statement(dialect, shown, marts=marts, mart=mart, new=new))
    return built.keys()


def _drop_views(client: SqlClientBase[Any], dialect: Dialect, marts: str, names: Collection[str]) -> None:
    """Drops the views of marts that are no longer built."""
    for name in names:
        client.execute_sql(statement(dialect, "drop view if exists {marts}.{name}", marts=marts, name=name))


def _drop_build(client: SqlClientBase[Any], dialect: Dialect, schemas: Collection[str]) -> None:
    for schema in schemas:
        client.execute_sql(statement(dialect, "drop schema if exists {schema} cascade", schema=schema))


def _drop_replaced(client: SqlClientBase[Any], dialect: Dialect, marts: str) -> None:
    """Drops the schemas that builds replaced. The next build drops those that readers still use."""
    from dlt.destinations.exceptions import DatabaseTransientException

    schemas = client.execute_sql("select nspname from pg_namespace where starts_with(nspname, %s)", _replaced(marts))
    for (schema,) in schemas or ():
        with suppress(DatabaseTransientException), client.begin_transaction():
            client.execute_sql(f"set local lock_timeout = '{READERS_GO_FIRST}'")
            client.execute_sql(statement(dialect, "drop schema {schema} cascade", schema=schema))


def _replaced(marts: str) -> str:
    return f"{marts}_replaced_"


def _schema_id(client: SqlClientBase[Any], schema: str) -> int | None:
    rows = client.execute_sql("select oid from pg_namespace where nspname = %s", schema)
    return rows[0][0] if rows else None


def _carry_over(client: SqlClientBase[Any], grants: str, marts: str, old: int | None) -> None:
    for grant, role, is_grantable in client.execute_sql(grants, marts=marts, old=old) or ():
        to = "public" if role == "-" else role
        client.execute_sql(f"{grant} to {to}{' with grant option' if is_grantable else ''}")


def _refuse_losses(client: SqlClientBase[Any], old: Mapping[str, int], marts: str, models: Collection[str]) -> None:
    lost = client.execute_sql(LOST_WITH_THE_OLD, old=list(old.values()), models=list(models)) if old else None
    if lost:
        names = ", ".join(name for (name,) in lost)
        for schema, number in old.items():
            names = names.replace(f"{_replaced(marts)}{number}", schema)
        raise ModelsFailed(
            f"Every build replaces the schema {marts}, and would drop what it did not make itself: {names}. The raw "
            "tables are loaded and the marts stayed as they were. Move tables to a schema of their own, and drop views "
            "on marts or make them models (docs/destinations.md). The next run rebuilds the marts."
        )
