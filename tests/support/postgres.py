"""A PostgreSQL server of the tests' own, in a temporary folder."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from .patience import HANG_SECONDS

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
PASSWORD = "password-canary-81c0"
NO_POSTGRES = "no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql brings it"
NEEDS_POSTGRES = [
    pytest.mark.skipif(PROGRAMS is None, reason=NO_POSTGRES),
    pytest.mark.xdist_group("postgres"),  # one server for all of them
]

Row = tuple[Any, ...]


@dataclass
class Server:
    """PostgreSQL on a port of its own. Only the user `locked` needs a password."""

    port: int
    databases: Iterator[int] = field(default_factory=count)

    def address(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The address of a new one, with the time zone of Los Angeles."""
        name = f"warehouse_{next(self.databases)}"
        run(self.address(), f"create database {name} strategy file_copy")
        run(self.address(), f"alter database {name} set timezone = 'America/Los_Angeles'")
        return self.address(name)

    def drop(self, address: str) -> None:
        """Disconnects its users."""
        run(self.address(), f"drop database {address.rpartition('/')[2]} with (force)")


def run(address: str, sql: str, *values: object) -> list[Row]:
    with connected(address) as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def connected(address: str) -> Iterator[Any]:
    connection = psycopg2.connect(address)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@contextmanager
def started() -> Iterator[Server]:
    """A server for the block."""
    assert PROGRAMS is not None
    folder = Path(tempfile.mkdtemp())  # not pytest's, which only its owner can enter: the server refuses to run as root
    started_by = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if started_by:
        shutil.chown(folder, "postgres", "postgres")

    def program(name: str, *arguments: str) -> None:
        command = [str(PROGRAMS / name), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=HANG_SECONDS, **started_by)  # type: ignore[call-overload]

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
    (folder / "data" / "pg_hba.conf").write_text(
        "host all locked all scram-sha-256\nhost all all all trust\nlocal all all trust\n"
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=30"
    program("pg_ctl", "-w", "-t", str(HANG_SECONDS), "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield Server(port)
    finally:
        program("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)
