"""First loads that take more than a hundred calls: saved as they are read, continued where they stopped."""

from collections.abc import Callable
from math import ceil
from pathlib import Path

import pytest

from pipelines.errors import ExitCode
from pipelines.loading import part_store_of
from sandbox.segments import Attribute
from sandbox.segments.rules import Tagged
from sandbox.world import Workspace

from ...support.deployments import Deployment, settled_workspace
from ...support.first_loads import CutOffAfter, contacts, large_deployment, true_contacts
from ...support.nightly import nightly

CALLS_BESIDE_PAGES = 12
"""Me, newest contact and segments, twice: at the start and in the run that follows; and changed contacts."""
LOST = 12
"""Calls of a part, of unfinished reads, and at the start of an attempt, in a load of this size."""


def pages(workspace: Workspace) -> int:
    """The fewest calls that show every contact and every member."""
    sizes = [len(workspace.contacts), *(len(workspace.members(segment_id)) for segment_id in workspace.segments)]
    return sum(max(1, ceil(size / 150)) for size in sizes)


def packages(deployment: Deployment) -> int:
    ((count,),) = deployment.query("select count(*) from intercom_raw._dlt_loads")
    return int(count)


@pytest.mark.nightly
@pytest.mark.parametrize("full", [False, True])
def test_a_large_first_load_is_one_package_and_reads_every_page_once(
    make_deployment: Callable[..., Deployment], full: bool
) -> None:
    deployment = large_deployment(make_deployment)

    outcome = deployment.sync(full=full)

    assert packages(deployment) == 1
    assert outcome.api_calls <= pages(deployment.workspace) + CALLS_BESIDE_PAGES
    assert (outcome.swept, outcome.joins) == (93, len(deployment.workspace.pairs()))
    assert outcome.contacts_read == len(deployment.workspace.contacts)
    assert deployment.members() == deployment.workspace.pairs()
    assert contacts(deployment) == true_contacts(deployment.workspace)


@pytest.mark.nightly
def test_no_parts_are_left_after_a_first_load(make_deployment: Callable[..., Deployment]) -> None:
    deployment = large_deployment(make_deployment)

    deployment.sync()

    assert not list(deployment.folder.rglob("*.arrow"))


def test_a_small_first_load_is_one_package(synced: Deployment) -> None:
    assert packages(synced) == 1


@pytest.mark.nightly
def test_a_first_load_cut_off_reads_again_no_more_than_what_was_not_complete(
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment = large_deployment(make_deployment)
    with pytest.raises(ExceptionGroup):
        deployment.sync(transport=CutOffAfter(deployment, 80))

    outcome = deployment.sync()

    assert outcome.api_calls <= pages(deployment.workspace) - 80 + CALLS_BESIDE_PAGES + LOST
    assert deployment.members() == deployment.workspace.pairs()
    assert contacts(deployment) == true_contacts(deployment.workspace)


@pytest.mark.parametrize(
    ("version", "cuts"),
    nightly([("Preview", [30]), ("2.16", [60, 40])], ("Preview", [30])),
    ids=["between contacts", "between segments, twice"],
)
def test_a_first_load_cut_off_continues_where_it_stopped_and_equals_a_workspace_that_changed(
    make_deployment: Callable[..., Deployment], version: str, cuts: list[int]
) -> None:
    deployment = large_deployment(make_deployment)
    workspace = deployment.workspace
    deployment.settings.api_version, deployment.settings.sweep_budget = version, 0
    newest = deployment.workspace.contacts[max(workspace.contacts)].attributes["updated_at"]
    cursors = []
    for number, cut in enumerate(cuts):
        with pytest.raises(ExceptionGroup):
            deployment.sync(transport=CutOffAfter(deployment, cut))
        cursors.append(progress_cursor(deployment))
        workspace.advance(hours=1)
        change_something(workspace, number)

    deployment.sync()

    lag = 901 if version == "Preview" else 901 + 86_400
    assert cursors == [newest - lag] * len(cuts)  # of the first attempt: later updates are read at the end
    assert deployment.members() == workspace.pairs()
    assert contacts(deployment) == true_contacts(workspace)


def progress_cursor(deployment: Deployment) -> int:
    """The cursor that the first load saved for the run after it."""
    cursor = part_store_of(deployment.warehouse.pipeline(deployment.name)).parts[-1].stage.cursor
    assert cursor is not None
    return cursor


def change_something(workspace: Workspace, number: int) -> None:
    """Changes contacts and segments that are loaded, and others."""
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


@pytest.mark.nightly
def test_a_short_page_of_contacts_loses_none_of_a_first_sync(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "data", settled_workspace())

    deployment.workspace.faults.half_page(page=2)
    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert deployment.query("select count(*) from intercom.contacts") == [(300,)]


@pytest.mark.nightly
def test_a_large_first_load_with_a_page_that_comes_twice_has_every_contact_once(
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment = large_deployment(make_deployment)

    deployment.workspace.faults.repeat_page(page=2)
    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert deployment.query("select count(*), count(distinct id) from intercom_raw.contacts") == [
        (len(deployment.workspace.contacts),) * 2
    ]


@pytest.mark.nightly
def test_a_large_first_load_ends_though_one_segment_never_adds_up(make_deployment: Callable[..., Deployment]) -> None:
    deployment = large_deployment(make_deployment)
    segment_id = max(deployment.workspace.segments, key=lambda key: len(deployment.workspace.members(key)))

    deployment.workspace.faults.half_page(segment_id, times=None)
    outcome = deployment.sync()

    assert outcome.incomplete == {segment_id: "does_not_add_up"}
    assert {pair for pair in deployment.members() ^ deployment.workspace.pairs() if pair[0] != segment_id} == set()
