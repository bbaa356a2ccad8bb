"""Repeats searches with a plain loop over HTTP that discards the answers: a lower bound for reading."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import Iterable
from urllib.parse import urlsplit

from .processes import ScenarioFailed
from .served import TOKEN

CONNECTIONS = 48
BUFFER_BYTES = 2**20
HEADERS = (
    "POST /contacts/search HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nIntercom-Version: Preview\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)


async def replay(url: str, bodies: Iterable[str], *, connections: int = CONNECTIONS) -> int:
    """Sends all searches over several connections at once; returns the bytes of the answers.

    Raises:
        ScenarioFailed: an answer is not 200.
    """
    pending = deque(body.encode() for body in bodies)
    return sum(await asyncio.gather(*(_send_over_one_connection(url, pending) for _ in range(connections))))


async def _send_over_one_connection(url: str, pending: deque[bytes]) -> int:
    address, total = urlsplit(url), 0
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=BUFFER_BYTES)
    try:
        while pending:
            total += await _send(reader, writer, address.netloc, pending.popleft())
    finally:
        writer.close()
        await writer.wait_closed()
    return total


async def _send(reader: StreamReader, writer: StreamWriter, host: str, body: bytes) -> int:
    writer.write(HEADERS.format(host=host, token=TOKEN, length=len(body)).encode() + body)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ScenarioFailed(f"The sandbox answered {head.splitlines()[0].decode()} to a search that it has answered.")
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return length
