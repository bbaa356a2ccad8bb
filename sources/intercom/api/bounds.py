"""Answers within bounds of time and size: httpx limits neither as a whole."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from .errors import OutOfBounds

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


async def _body(response: httpx.Response, bounds: Bounds) -> bytes:
    parts, size = list[bytes](), 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > bounds.decoded_bytes or response.num_bytes_downloaded > bounds.sent_bytes:
            raise OutOfBounds(f"more than {bounds.decoded_bytes / MEGABYTE:g} MB, where a page has less than 10")
    return b"".join(parts)
