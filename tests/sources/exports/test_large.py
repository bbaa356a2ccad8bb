"""An export of a gigabyte: it is loaded whole, in a bounded amount of memory."""

import resource
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import duckdb
import httpx
import pytest

from pipelines.settings import use_project_config
from sandbox.lists.exports import COLUMNS

from ...soak.kills import PROCESSES
from .test_exports import deployed, status

ROWS, ROWS_A_PART = 500_000, 1_000
TITLE_LETTERS = 1_900
"""With this title a row has two kilobytes."""
MOST_BYTES = 1e9
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class Generated(httpx.AsyncByteStream):
    """A CSV of receipts that is made while it is read."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield ",".join(COLUMNS).encode() + b"\r\n"
        for first in range(0, ROWS, ROWS_A_PART):
            yield b"".join(map(row, range(first, first + ROWS_A_PART)))


def row(number: int) -> bytes:
    """All receipts differ, and none of them is in the workspace."""
    values = {
        "user_id": f"{number % 50_000:024x}",
        "email": f"reader{number}@example.com",
        "content_type": "email",
        "content_title": Random(number).randbytes(TITLE_LETTERS // 2).hex(),
        "receipt_id": str(10_000_000 + number),
        "received_at": str(1_770_000_000 + number),
    }
    return ",".join(values.get(name, "") for name in COLUMNS).encode() + b"\r\n"


class Serving(httpx.AsyncBaseTransport):
    """Answers downloads with the generated file, and all other calls as the workspace does."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/download"):
            return httpx.Response(200, stream=Generated())
        return await self._inner.handle_async_request(request)


def sync_generated(folder: Path) -> None:
    """Syncs, and writes down the status of the export and the largest size of this process."""
    use_project_config()
    deployment = deployed(folder)
    outcome = deployment.sync(transport=Serving(deployment.transport))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT_BYTES
    (folder / "report").write_text(f"{status(outcome)} {peak}")


@pytest.mark.nightly
def test_an_export_of_a_gigabyte_is_loaded_in_less_memory_than_that(tmp_path: Path) -> None:
    process = PROCESSES.Process(target=sync_generated, args=(tmp_path,))
    process.start()
    process.join()

    said, peak = (tmp_path / "report").read_text().split()
    count = "select count(*), count(distinct receipt_id), sum(length(content_title)) from intercom_raw.message_receipts"
    with duckdb.connect(str(tmp_path / "data" / "warehouse.duckdb"), read_only=True) as connection:
        ((rows, receipts, letters),) = connection.execute(count).fetchall()
    assert (said, rows, receipts, letters) == ("complete", ROWS, ROWS, ROWS * TITLE_LETTERS)
    assert int(peak) < MOST_BYTES
