"""Large searches cut into windows of creation time: no contact is lost, few calls are added, and calls run at once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from math import ceil
from random import Random

import httpx
import pytest

from sandbox.api import create_app, in_process
from sandbox.segments.rules import Everyone
from sandbox.world import Workspace
from sources.intercom.api import JSON, DatedContact, Intercom, Page, Retries, version
from sources.intercom.api.client import LANES
from sources.intercom.search import (
    EVERYTHING,
    Dates,
    MemberRead,
    ReadSlots,
    Span,
    Tally,
    Windows,
    everyone,
    members_of,
    updated_after,
    window_pages,
)
from sources.intercom.search.members import WINDOW_PAGES

from ...support.deployments import NO_QUOTA, START, standing_still
from ...support.nightly import nightly, nightly_except

DAY = 86_400
NOW = int(START.timestamp())
VERSIONS = ("Preview", "2.14")
SHAPES: dict[str, Callable[[Random], int | None]] = {
    "evenly over two years": lambda random: NOW - random.randrange(730 * DAY),
    "nine tenths in three seconds": lambda random: (
        NOW - (3 * DAY + random.randrange(3) if random.random() < 0.9 else random.randrange(730 * DAY))
    ),
    "far outliers": lambda random: (
        NOW - random.randrange(730 * DAY) if random.random() < 0.9 else random.randrange(-(35 * 365 * DAY), 2 * NOW)
    ),
    "all in one second": lambda random: NOW - 40 * DAY,
    "all in one day": lambda random: NOW - 40 * DAY + random.randrange(DAY // 2),
    "some without a date": lambda random: None if random.random() < 0.02 else NOW - random.randrange(730 * DAY),
}
CONTACTS = 4_000


class MostAtOnce(httpx.AsyncBaseTransport):
    """Counts the calls under way; each takes one turn of the event loop."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner, self.now, self.most = inner, 0, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0)
            return await self.inner.handle_async_request(request)
        finally:
            self.now -= 1


def workspace_of(shape: str, timezone: str = "America/Los_Angeles") -> Workspace:
    workspace, random = settled(timezone), Random(shape)
    for _ in range(CONTACTS):
        workspace.sign_up(created_at=SHAPES[shape](random), updated_at=NOW - random.randrange(10 * DAY))
    workspace.make_segment("Everyone", Everyone())
    return workspace


def settled(timezone: str) -> Workspace:
    return Workspace(contacts=0, segments=0, start=START, timezone=timezone, monotonic=standing_still)


class Reading:
    """Reads a query in windows of ten pages."""

    def __init__(self, workspace: Workspace, name: str = "Preview", timezone: str | None = None) -> None:
        self.workspace = workspace
        self.dates = Dates(version(name), timezone or workspace.timezone)
        self.line = MostAtOnce(in_process(create_app(workspace, limit=NO_QUOTA)))
        self.seen: Counter[str] = Counter()
        self.pages = 0
        self.after_page: Callable[[], None] = lambda: None
        self.unread: list[Span] = [EVERYTHING]

    def read(self, query: JSON, *, size: int | None = 10, stop_after: int | None = None) -> set[str]:
        asyncio.run(self._read(query, size, stop_after))
        return set(self.seen)

    async def _read(self, query: JSON, size: int | None, stop_after: int | None) -> None:
        client = Intercom(
            "http://sandbox",
            "sandbox-token",
            version=self.dates.version.name,
            retries=Retries(1, 0, 0, 0),
            transport=self.line,
        )

        async def take(page: Page[DatedContact]) -> None:
            if self.pages == stop_after:
                raise ConnectionAbortedError
            self.pages += 1
            self.seen.update(contact.id for contact in page.data)
            self.after_page()

        windows = Windows(
            client,
            query,
            Page[DatedContact],
            take,
            dates=self.dates,
            size=size,
            unread=self.unread,
        )
        async with client:
            try:
                await windows.read()
            finally:
                self.unread = windows.spans


@pytest.mark.parametrize("name", nightly_except(VERSIONS, "Preview"))
@pytest.mark.parametrize("shape", SHAPES)
def test_windows_show_all_contacts(shape: str, name: str) -> None:
    reading = Reading(workspace_of(shape), name)

    seen = reading.read(everyone())

    assert seen == set(reading.workspace.contacts)


@pytest.mark.parametrize("name", VERSIONS)
def test_windows_cost_few_calls_more_and_go_out_at_once(name: str) -> None:
    reading = Reading(workspace_of("evenly over two years"), name)

    reading.read(everyone())

    assert reading.pages <= ceil(CONTACTS / 150) * 1.2
    assert reading.line.most >= 3
    assert sum(reading.seen.values()) <= CONTACTS + 2 * 150  # the first page and the last one may come twice


@pytest.mark.parametrize("shape", ["nine tenths in three seconds", "all in one second", "far outliers"])
def test_contacts_made_at_the_same_time_cost_no_endless_cutting(shape: str) -> None:
    reading = Reading(workspace_of(shape))

    reading.read(everyone())

    assert reading.pages <= ceil(CONTACTS / 150) * 1.7


def test_a_read_of_hardly_more_than_a_window_follows_one_cursor() -> None:
    reading = Reading(workspace_of("evenly over two years"))

    reading.read(everyone(), size=25)

    assert (reading.pages, reading.line.most) == (ceil(CONTACTS / 150), 1)


@pytest.mark.parametrize("name", VERSIONS)
def test_windows_of_a_segment_and_of_changed_contacts_show_no_others(name: str) -> None:
    workspace = workspace_of("evenly over two years")
    (segment_id,) = workspace.segments
    dates = Dates(version(name), workspace.timezone)
    since = NOW - 5 * DAY

    members = Reading(workspace, name).read(members_of(segment_id))
    changed = Reading(workspace, name).read(
        members_of(segment_id, among=updated_after(since, dates.version, dates.timezone))
    )

    assert members == workspace.members(segment_id)
    late = {key for key, contact in workspace.contacts.items() if contact.attributes["updated_at"] > since}
    assert late <= changed < members


@pytest.mark.parametrize("timezone", nightly(["UTC", "Asia/Kolkata", "Pacific/Auckland"], "UTC", "Asia/Kolkata"))
def test_days_of_another_timezone_lose_no_contact(timezone: str) -> None:
    reading = Reading(workspace_of("evenly over two years"), "2.14", timezone)

    seen = reading.read(everyone())

    assert seen == set(reading.workspace.contacts)


def test_more_contacts_without_a_date_than_a_page_holds_are_all_shown() -> None:
    workspace = workspace_of("evenly over two years")
    for _ in range(400):
        workspace.sign_up(created_at=None)

    seen = Reading(workspace).read(everyone())

    assert seen == set(workspace.contacts)


def test_contacts_there_all_the_time_are_shown_while_others_come_and_go() -> None:
    workspace, random = workspace_of("evenly over two years"), Random(1)
    reading = Reading(workspace)
    steady = set(random.sample(sorted(workspace.contacts), CONTACTS // 2))
    others = sorted(workspace.contacts.keys() - steady)

    def change_workspace() -> None:
        for _ in range(10):
            workspace.delete(others.pop(random.randrange(len(others))))
            workspace.update(others[random.randrange(len(others))], name="Moved")
            workspace.sign_up(created_at=NOW - random.randrange(730 * DAY))

    reading.after_page = change_workspace
    seen = reading.read(everyone())

    assert steady <= seen


@pytest.mark.parametrize("name", nightly_except(VERSIONS, "Preview"))
@pytest.mark.parametrize("shape", ["evenly over two years", "far outliers", "nine tenths in three seconds"])
def test_a_read_that_stopped_continues_where_it_was(shape: str, name: str) -> None:
    reading = Reading(workspace_of(shape), name)
    for stop in (2, 9, 17):
        with pytest.raises(ExceptionGroup):
            reading.read(everyone(), stop_after=stop)

    seen = reading.read(everyone())

    assert seen == set(reading.workspace.contacts)
    assert reading.pages <= ceil(CONTACTS / 150) * 2


def test_windows_are_as_many_as_calls_may_be_under_way_but_neither_tiny_nor_endless() -> None:
    assert [window_pages(pages, 24) for pages in (100, 480, 100_000)] == [10, 20, 40]


async def expected_pages_at_start(pages: list[int]) -> list[int]:
    """Starts reads, which end in the same order. Returns the pages that all others expected at each start."""
    expected: list[int] = []
    async with Intercom("http://sandbox", "sandbox-token") as client:
        slots = ReadSlots(client, Dates(version("Preview"), "UTC"), Tally())

        async def read(number: int) -> None:
            with await slots.reserve(number * 150) as member_read:
                expected.append(sum(one.pages_left for one in under_way))
                under_way.append(member_read)
                while member_read.pages_left:
                    await asyncio.sleep(0)
                    member_read.pages_left -= 1
                    slots.release(1)
                under_way.remove(member_read)

        under_way: list[MemberRead] = []
        async with asyncio.TaskGroup() as group:
            for number in pages:
                group.create_task(read(number))
    return expected


def test_reads_begin_only_while_few_enough_pages_are_still_to_come() -> None:
    most = WINDOW_PAGES * LANES

    expected = asyncio.run(expected_pages_at_start([2 * most, most // 2, most // 2, most // 2, 1]))

    assert expected[0] == 0
    assert all(most // 4 < pages < most for pages in expected[1:])
