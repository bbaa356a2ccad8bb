from collections.abc import Iterator

import pytest

from .postgres_server import Server, started


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with started() as server:
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The address of an empty one."""
    address = server.database()
    yield address
    server.drop(address)
