"""The least that reading takes: a bare loop over HTTP that receives pages and does nothing with them."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import Iterable
from urllib.parse import urlsplit

from .children import Failed
from .served import TOKEN

LANES = 24
BUFFER_BYTES = 2**20
HEADERS = (
    "POST /contacts/search HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nIntercom-Version: Preview\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)


async def received(url: str, bodies: Iterable[str], *, lanes: int = LANES) -> int:
    """Asks all these searches over so many connections at once; the bytes of their answers.

    Raises:
        Failed: one was not answered with 200.
    """
    waiting = deque(body.encode() for body in bodies)
    return sum(await asyncio.gather(*(_lane(url, waiting) for _ in range(lanes))))


async def _lane(url: str, waiting: deque[bytes]) -> int:
    address, total = urlsplit(url), 0
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=BUFFER_BYTES)
    try:
        while waiting:
            total += await _answer(reader, writer, address.netloc, waiting.popleft())
    finally:
        writer.close()
        await writer.wait_closed()
    return total


async def _answer(reader: StreamReader, writer: StreamWriter, host: str, body: bytes) -> int:
    writer.write(HEADERS.format(host=host, token=TOKEN, length=len(body)).encode() + body)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise Failed(f"The sandbox answered {head.splitlines()[0].decode()} to a search that it had answered before.")
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return length
