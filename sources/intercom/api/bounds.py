"""Answers within bounds of time and size: httpx limits neither as a whole."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ..errors import OutOfBounds

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Bounds:
    """What an answer may take: `seconds` from its call to its last byte, and bytes as sent and decompressed.

    The largest page of 150 contacts has some 5 MB. With `attempts` a call that breaks the bounds ends in 10 minutes.
    """

    seconds: float = 120.0
    sent_bytes: int = 64 * MEGABYTE
    decoded_bytes: int = 64 * MEGABYTE
    attempts: int = 3


BOUNDS = Bounds()
DOWNLOAD = Bounds(seconds=3_600.0, sent_bytes=50_000 * MEGABYTE)
"""Of a file, which is written to the disk as it comes."""


async def received(
    client: httpx.AsyncClient, method: str, path: str, json: dict[str, Any] | None, bounds: Bounds
) -> httpx.Response:
    """The whole response, its body decompressed.

    Raises:
        OutOfBounds: it takes too long or is too large.
        httpx.HTTPError: the network failed.
    """
    try:
        async with asyncio.timeout(bounds.seconds), client.stream(method, path, json=json) as response:
            body = await _body(response, bounds)
    except TimeoutError:
        raise OutOfBounds(f"no whole answer in {bounds.seconds:g} seconds") from None
    headers = response.headers
    if "content-encoding" in headers:
        headers = httpx.Headers([pair for pair in headers.raw if pair[0].lower() != b"content-encoding"])
    return httpx.Response(response.status_code, headers=headers, content=body)


async def stored(client: httpx.AsyncClient, path: str, file: Path, bounds: Bounds = DOWNLOAD) -> httpx.Response:
    """The response to a download; of a good one the body is in the file, as it was sent, and not in the response.

    Raises:
        OutOfBounds: it takes too long or is too large.
        httpx.HTTPError: the network failed. The file may have a part of the body.
    """
    headers = {"Accept": "application/octet-stream"}
    try:
        async with asyncio.timeout(bounds.seconds), client.stream("GET", path, headers=headers) as response:
            good = response.status_code == httpx.codes.OK
            body = await _body_to(file, response, bounds) if good else await _body(response, BOUNDS)
    except TimeoutError:
        raise OutOfBounds(f"no whole file in {bounds.seconds:g} seconds") from None
    return httpx.Response(response.status_code, headers=response.headers, content=body)


async def _body_to(file: Path, response: httpx.Response, bounds: Bounds) -> bytes:
    """Writes the body to a file, and leaves none of it."""
    with file.open("wb") as target:
        async for part in response.aiter_raw():
            target.write(part)
            if response.num_bytes_downloaded > bounds.sent_bytes:
                raise OutOfBounds(f"more than {bounds.sent_bytes / MEGABYTE:,.0f} MB")
        target.flush()
        os.fsync(target.fileno())
    return b""


async def _body(response: httpx.Response, bounds: Bounds) -> bytes:
    parts, size = list[bytes](), 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > bounds.decoded_bytes or response.num_bytes_downloaded > bounds.sent_bytes:
            raise OutOfBounds(f"more than {bounds.decoded_bytes / MEGABYTE:g} MB, where a page has less than 10")
    return b"".join(parts)
