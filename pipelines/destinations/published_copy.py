"""The copy of the DuckDB file that readers open: all of it, or the marts alone.

It is written beside the old copy and replaces it in one step. Readers that have the old copy open keep it.
"""

import errno
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ..errors import Misconfigured, WarehouseError
from ..folder import plain_path
from .interface import PublishedMart

FICLONE = 0x40049409
"""Linux's request that a file share the blocks of another, from linux/fs.h. A later write to one leaves the other."""
NO_CLONES = frozenset((errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS, errno.EPERM))
"""Answers of file systems, containers and systems that cannot share blocks."""


def publish_all(address: str, file: Path, published: Path) -> None:
    """Copies the file as it is. `address`: the file's path as DuckDB can open it."""
    with duckdb.connect(address) as connection:
        connection.execute("checkpoint")
    with replaced(published) as copy:
        if not _is_cloned(file, copy):
            shutil.copyfile(file, copy)


def _is_cloned(file: Path, copy: Path) -> bool:
    """Makes a copy that shares the file's blocks, where the file system can: btrfs, XFS and some others."""
    if sys.platform != "linux":
        return False
    import fcntl  # other systems do not have it

    with file.open("rb") as source, copy.open("wb") as target:
        try:
            fcntl.ioctl(target, FICLONE, source.fileno())
        except OSError as error:
            if error.errno in NO_CLONES:
                return False
            raise
    return True


def publish_marts(address: str, published: Path, relations: Iterable[PublishedMart], *, storage_version: str) -> None:
    """Copies the marts and nothing else: no raw table, and no view that could show one.

    A view on raw tables becomes a table. A view on other models stays one, and the tables that it reads are copied too.
    """
    with replaced(published) as copy, _attached(address, copy, storage_version) as (connection, source):
        connection.execute("use copy")
        for relation in _present(connection, source, relations):
            connection.execute(f'create schema if not exists "{relation.schema}"')
            name = f'"{relation.schema}"."{relation.name}"'
            rows = f'select * from "{source}".{name}' if relation.kind == "table" else relation.select  # noqa: S608 (our own names)
            connection.execute(f"create {relation.kind} {name} as {rows}")
            _describe(connection, source, relation)
        connection.execute(f'use "{source}"; checkpoint copy')


def _present(
    connection: duckdb.DuckDBPyConnection, source: str, relations: Iterable[PublishedMart]
) -> Iterator[PublishedMart]:
    """The relations that the source has: that of a list is missing until the list is read."""
    query = "select table_schema, table_name from information_schema.tables where table_catalog = ?"
    names = frozenset(connection.execute(query, [source]).fetchall())
    return (relation for relation in relations if (relation.schema, relation.name) in names)


def _describe(connection: duckdb.DuckDBPyConnection, source: str, relation: PublishedMart) -> None:
    """Copies the descriptions that a relation and its columns have in the source."""
    place, name = [source, relation.schema, relation.name], f'"{relation.schema}"."{relation.name}"'
    of_relation = "where database_name = ? and schema_name = ? and {}_name = ? and comment is not null"
    for kind in ("table", "view"):
        query = f"select comment from duckdb_{kind}s() {of_relation.format(kind)}"  # noqa: S608 (constants)
        for (comment,) in connection.execute(query, place).fetchall():
            connection.execute(f"comment on {relation.kind} {name} is {_literal(comment)}")
    query = f"select column_name, comment from duckdb_columns() {of_relation.format('table')}"  # noqa: S608 (constants)
    for column, comment in connection.execute(query, place).fetchall():
        connection.execute(f'comment on column {name}."{column}" is {_literal(comment)}')


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def rewrite_file(address: str, copy: Path, *, storage_version: str) -> None:
    """Writes all that is in a DuckDB file into a new one, and nothing that was deleted from it.

    Raises:
        WarehouseError: the new file does not hold the same.
    """
    with _attached(address, copy, storage_version) as (connection, source):
        connection.execute(f'copy from database "{source}" to copy')
        connection.execute("checkpoint copy")
        if _contents(connection, source) != _contents(connection, "copy"):
            raise WarehouseError(
                f"The new file {copy.name} does not equal the warehouse, so it was not used. The warehouse is intact. "
                "Run the command again."
            )


@contextmanager
def replaced(file: Path) -> Iterator[Path]:
    """A path for the successor of a file. The successor replaces it in one step at the end of the block.

    A link is followed: the successor replaces the file that it names. The old file's log is deleted, since DuckDB
    refuses a file with the log of another. A client that has the old file open keeps it.

    Raises:
        Misconfigured: a link names no file.
    """
    target = _followed(file)
    drop_successor(target)
    yield _successor(target)
    log_of(target).unlink(missing_ok=True)
    _successor(target).replace(target)
    for name in {target, file}:
        log_of(name).unlink(missing_ok=True)


def drop_successor(file: Path) -> None:
    """Deletes a successor that a killed run has left."""
    for leftover in (_successor(file), log_of(_successor(file))):
        leftover.unlink(missing_ok=True)


def _followed(file: Path) -> Path:
    """The file that a link names, or the file itself."""
    if not file.is_symlink():
        return file
    try:
        return file.resolve(strict=True)
    except (OSError, RuntimeError):  # it names nothing, or itself
        raise Misconfigured(
            f"{file} is a link to {file.readlink()}, which cannot be reached. Mount or create what it names, or delete "
            "the link: the next run then writes the file here."
        ) from None


def log_of(file: Path) -> Path:
    """DuckDB's write-ahead log."""
    return file.with_name(f"{file.name}.wal")


def check_closed(file: Path) -> None:
    """To be called before a file is replaced: DuckDB would apply its log to its successor.

    Raises:
        WarehouseError: this process still has the file open.
    """
    if log_of(file).exists():
        raise WarehouseError(f"{file.name} could not be closed. The warehouse is intact. Run the command again.")


def _successor(file: Path) -> Path:
    return file.with_suffix(".next")


@contextmanager
def _attached(address: str, copy: Path, storage_version: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A connection to a file, and the name of its database. A new file is attached as `copy`."""
    with duckdb.connect(address) as connection:
        new = str(plain_path(copy.parent) / copy.name).replace("'", "''")
        source = _value(connection, "select current_database()")
        connection.execute(f"attach '{new}' as copy (storage_version '{storage_version}')")
        yield connection, source
        connection.execute("detach copy")


def _contents(connection: duckdb.DuckDBPyConnection, database: str) -> dict[tuple[str, str], int]:
    """The number of rows of each table, and of columns of each view."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ?", [database]
    ).fetchall()
    views = connection.execute(
        "select schema_name, view_name, column_count from duckdb_views() where database_name = ? and not internal",
        [database],
    ).fetchall()
    rows = {
        (schema, table): int(_value(connection, f'select count(*) from "{database}"."{schema}"."{table}"'))  # noqa: S608
        for schema, table in tables
    }
    return rows | {(schema, view): columns for schema, view, columns in views}


def _value(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    ((value,),) = connection.execute(query).fetchall()
    return str(value)
