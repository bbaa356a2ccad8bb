"""The first load of a workspace that takes more than a hundred calls: kept as it is read, on from where it stopped."""

from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.errors import ExitCode
from pipelines.sync import shelf_of
from sandbox import Workspace
from sandbox.rules import Attribute, Tagged

from .conftest import House, settled_workspace

CALLS_BESIDE_PAGES = 12
"""Me, the newest contact and the segments, twice: to begin with and in the run that follows; and what changed."""
LOST = 12
"""Calls of a part and of what is begun, those that begin an attempt included, where a load takes as few as here."""


class CutOff(Exception):
    pass


class CutOffAfter(httpx.AsyncBaseTransport):
    """A network that is gone after some calls."""

    def __init__(self, house: House, calls: int) -> None:
        self.inner, self.left = house.transport, calls

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.left == 0:
            raise CutOff
        self.left -= 1
        return await self.inner.handle_async_request(request)


def large_house(new_house: Callable[..., House]) -> House:
    """1,700 contacts, of which 50 have no date of creation, in 94 segments, most of them small: 107 pages."""
    house = new_house(contacts=1_650, segments=0)
    workspace = house.workspace
    for _ in range(50):
        workspace.sign_up(created_at=None)
    for number in range(90):
        workspace.make_segment(f"Tag {number}", Tagged(f"tag {number}"))
        workspace.tag(sorted(workspace.contacts)[number], f"tag {number}")
    for plan in ("trial", "free", "pro"):
        workspace.make_segment(plan, Attribute("custom_attributes.plan", "=", plan))
    workspace.advance(hours=1)
    workspace.update(max(workspace.contacts), name="The Newest")
    return house


def pages(workspace: Workspace) -> int:
    """The fewest calls that show every contact and every member."""
    sizes = [len(workspace.contacts), *(len(workspace.members(segment_id)) for segment_id in workspace.segments)]
    return sum(max(1, ceil(size / 150)) for size in sizes)


def contacts(house: House) -> list[tuple[Any, ...]]:
    return house.query("select contact_id, name from intercom.contacts where removal_status is null order by 1")


def true_contacts(workspace: Workspace) -> list[tuple[Any, ...]]:
    return sorted((key, contact.attributes["name"]) for key, contact in workspace.contacts.items())


def packages(house: House) -> int:
    ((count,),) = house.query("select count(*) from intercom_raw._dlt_loads")
    return int(count)


@pytest.mark.parametrize("full", [False, True])
def test_a_large_first_load_is_one_package_and_reads_every_page_once(
    new_house: Callable[..., House], full: bool
) -> None:
    house = large_house(new_house)

    outcome = house.sync(full=full)

    assert packages(house) == 1
    assert outcome.api_calls <= pages(house.workspace) + CALLS_BESIDE_PAGES
    assert (outcome.swept, outcome.joins) == (93, len(house.workspace.pairs()))
    assert outcome.contacts_read == len(house.workspace.contacts)
    assert house.members() == house.workspace.pairs()
    assert contacts(house) == true_contacts(house.workspace)


def test_nothing_is_left_on_the_shelf_of_a_first_load(new_house: Callable[..., House]) -> None:
    house = large_house(new_house)

    house.sync()

    assert not list(house.folder.rglob("*.arrow"))


def test_a_small_first_load_is_one_package(synced: House) -> None:
    assert packages(synced) == 1


def test_a_first_load_cut_off_reads_again_no_more_than_what_was_not_complete(new_house: Callable[..., House]) -> None:
    house = large_house(new_house)
    with pytest.raises(ExceptionGroup):
        house.sync(transport=CutOffAfter(house, 80))

    outcome = house.sync()

    assert outcome.api_calls <= pages(house.workspace) - 80 + CALLS_BESIDE_PAGES + LOST
    assert house.members() == house.workspace.pairs()
    assert contacts(house) == true_contacts(house.workspace)


@pytest.mark.parametrize(
    ("version", "cuts"), [("Preview", [30]), ("2.16", [60, 40])], ids=["between contacts", "between segments, twice"]
)
def test_a_first_load_cut_off_goes_on_where_it_stopped_and_equals_a_workspace_that_changed_meanwhile(
    new_house: Callable[..., House], version: str, cuts: list[int]
) -> None:
    house = large_house(new_house)
    workspace = house.workspace
    house.settings.api_version, house.settings.sweep_budget = version, 0
    newest = house.workspace.contacts[max(workspace.contacts)].attributes["updated_at"]
    cursors = []
    for number, cut in enumerate(cuts):
        with pytest.raises(ExceptionGroup):
            house.sync(transport=CutOffAfter(house, cut))
        cursors.append(progress_cursor(house))
        workspace.advance(hours=1)
        change_something(workspace, number)

    house.sync()

    lag = 901 if version == "Preview" else 901 + 86_400
    assert cursors == [newest - lag] * len(cuts)  # of the first attempt: what was updated since is read in the end
    assert house.members() == workspace.pairs()
    assert contacts(house) == true_contacts(workspace)


def progress_cursor(house: House) -> int:
    """Where the run after a first load reads on, as that keeps it."""
    cursor = shelf_of(house.warehouse.pipeline(house.name)).parts[-1].stage.cursor
    assert cursor is not None
    return cursor


def change_something(workspace: Workspace, number: int) -> None:
    """What may happen between two attempts, to contacts and segments that are loaded and to others."""
    by_age = sorted(workspace.contacts.values(), key=lambda contact: contact.attributes["created_at"] or 0)
    first, undated, youngest = (by_age[place + 10 * number].id for place in (100, 0, -100))
    for contact_id in (first, undated, youngest):
        workspace.update(contact_id, name="Changed", custom_attributes={"plan": "pro"})
    for place in (101, 1, -101):
        workspace.delete(by_age[place + 10 * number].id)
    workspace.merge(by_age[102 + 10 * number].id, by_age[103 + 10 * number].id)
    workspace.sign_up(custom_attributes={"plan": "trial"})
    workspace.sign_up(created_at=by_age[500].attributes["created_at"])
    workspace.sign_up(created_at=None)
    segments = list(workspace.segments)
    workspace.edit_segment(segments[number], Attribute("custom_attributes.plan", "=", "team"))
    workspace.delete_segment(segments[-1])
    workspace.make_segment(f"Made after attempt {number}", Tagged("tag 1"))


def test_a_short_page_of_contacts_loses_none_of_a_first_sync(tmp_path: Path) -> None:
    house = House(tmp_path / "data", settled_workspace())

    house.workspace.faults.half_page(page=2)
    outcome = house.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert house.query("select count(*) from intercom.contacts") == [(300,)]


def test_a_large_first_load_with_a_page_that_comes_twice_has_every_contact_once(
    new_house: Callable[..., House],
) -> None:
    house = large_house(new_house)

    house.workspace.faults.repeat_page(page=2)
    outcome = house.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert house.query("select count(*), count(distinct id) from intercom_raw.contacts") == [
        (len(house.workspace.contacts),) * 2
    ]


def test_a_large_first_load_ends_though_one_segment_never_adds_up(new_house: Callable[..., House]) -> None:
    house = large_house(new_house)
    segment_id = max(house.workspace.segments, key=lambda key: len(house.workspace.members(key)))

    house.workspace.faults.half_page(segment_id, times=None)
    outcome = house.sync()

    assert outcome.incomplete == {segment_id: "does_not_add_up"}
    assert {pair for pair in house.members() ^ house.workspace.pairs() if pair[0] != segment_id} == set()
