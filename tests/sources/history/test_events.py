"""Events of contacts: each is loaded once and stays for good, and only contacts that were active are asked for."""

from pathlib import Path

import pytest

from pipelines.commands import Forget
from pipelines.errors import ExitCode
from sources.intercom.tables import PlannedList

from ...support.deployments import Deployment, lively_workspace
from ...support.lists import different_tables, loaded, truth
from ...support.nightly import nightly_except
from ...support.personal_data import found_in

EVENTS, SUMMARIES = "data_events", "data_event_summaries"
DAY = 86_400


def deployed(folder: Path, *resources: str, version: str = "Preview", contacts: int = 20) -> Deployment:
    """A workspace of which all contacts were seen lately, and which has 130 events of one contact, 5 of another."""
    workspace = lively_workspace(contacts=contacts, segments=1)
    deployment = Deployment(folder / "data", workspace, resources=resources, has_marts=False)
    deployment.settings.api_version = version
    for contact_id in list(workspace.contacts):
        workspace.update(contact_id, last_seen_at=int(workspace.now().timestamp()))
    crowded, other = list(workspace.contacts)[:2]
    for number in range(130):
        workspace.track(crowded, f"did-{number % 3}", ago=number // 3 * 600, number=number)
    for number in range(5):
        workspace.track(other, "paid", ago=number * DAY)
    workspace.advance(hours=1)
    return deployment


def asked(deployment: Deployment) -> tuple[int, int]:
    """How many calls were made for events, and for summaries."""
    return deployment.workspace.calls["events"], deployment.workspace.calls["event summaries"]


@pytest.mark.parametrize("version", nightly_except(["2.7", "2.11", "2.14", "2.16", "Preview"], "2.7", "Preview"))
def test_all_events_are_loaded_and_later_runs_ask_for_active_contacts_alone(tmp_path: Path, version: str) -> None:
    deployment = deployed(tmp_path, EVENTS, SUMMARIES, version=version)
    workspace = deployment.workspace
    assert deployment.sync().exit_code == ExitCode.DONE
    assert different_tables(deployment) == []
    assert len(truth(workspace, EVENTS)) == 135
    assert asked(deployment) == (20 + 2, 20)

    workspace.advance(hours=2)
    crowded, *_, last = workspace.contacts
    workspace.track(crowded, "did-again")
    workspace.track(last, "did-first")
    workspace.advance(hours=1)
    deployment.sync()

    assert different_tables(deployment) == []
    assert asked(deployment) == (22 + 3 + 1, 22)  # all events of the last day are asked for again
    workspace.advance(hours=1)
    deployment.sync()
    assert asked(deployment) == (26, 22)


@pytest.mark.nightly
def test_events_that_intercom_lists_no_more_stay(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, EVENTS)
    workspace = deployment.workspace
    deployment.sync()
    before = truth(workspace, EVENTS)
    workspace.advance(days=100)
    crowded = next(iter(workspace.contacts))
    assert workspace.events.listed(crowded, int(workspace.now().timestamp())) == []
    workspace.track(crowded, "came-back")

    assert deployment.sync(full=True).exit_code == ExitCode.DONE

    assert loaded(deployment, EVENTS) == {EVENTS: truth(workspace, EVENTS)}
    assert before < truth(workspace, EVENTS)


def test_of_contacts_that_were_not_active_for_90_days_no_events_are_asked_for(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, EVENTS, SUMMARIES)
    deployment.workspace.advance(days=100)
    deployment.workspace.track(next(iter(deployment.workspace.contacts)), "came-back")

    deployment.sync()

    assert asked(deployment) == (1, 20)


def test_a_budget_asks_for_the_longest_waiting_first_and_the_next_runs_for_the_rest(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, EVENTS)
    deployment.settings.events_budget = 8

    outcome = deployment.sync()

    assert (outcome.exit_code, outcome.lists) == (ExitCode.DONE, {"data_event_reads": "partial"})
    assert any("12 contacts wait for the next runs" in note for note in outcome.notes)
    deployment.workspace.advance(hours=1)
    deployment.sync(only=[EVENTS])
    assert deployment.sync(only=[EVENTS]).lists == {"data_event_reads": "complete"}
    assert different_tables(deployment) == []


@pytest.mark.nightly
def test_a_visit_that_is_no_update_is_found_by_a_full_run(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, EVENTS)
    workspace = deployment.workspace
    deployment.sync()
    workspace.advance(hours=1)
    person = list(workspace.contacts)[7]
    workspace.events.add(workspace.contacts[person], "came-by", int(workspace.now().timestamp()), {})
    workspace.see(person)
    workspace.advance(hours=1)
    deployment.sync()
    assert different_tables(deployment) == [EVENTS]

    deployment.sync(full=True)

    assert different_tables(deployment) == []


def test_lookups_that_fail_are_made_by_the_next_run(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, EVENTS)
    deployment.workspace.faults.status(500, times=200, path_prefix="/events")

    outcome = deployment.sync()

    assert (outcome.exit_code, outcome.lists) == (ExitCode.INCOMPLETE, {"data_event_reads": "incomplete"})
    deployment.workspace.faults.clear()
    assert deployment.sync().exit_code == ExitCode.DONE
    assert different_tables(deployment) == []


def test_a_refusal_is_a_note_with_the_scope_and_ends_the_lookups(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, EVENTS, contacts=60)
    deployment.workspace.events.is_refused = True

    outcome = deployment.sync()

    assert (outcome.exit_code, outcome.lists) == (ExitCode.DONE, {"data_event_reads": "refused"})
    assert any("Read events" in note for note in outcome.notes)
    assert asked(deployment)[0] <= 24


@pytest.mark.nightly
def test_a_contact_that_disappears_before_its_lookup_is_not_asked_for_again(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, EVENTS, version="2.14")
    workspace = deployment.workspace
    deployment.sync()
    workspace.advance(hours=2)
    person = list(workspace.contacts)[3]
    workspace.update(person, name="New")
    workspace.advance(hours=1)
    deployment.sync(only=["tags"])
    workspace.delete(person)
    before = asked(deployment)

    assert deployment.sync().lists == {"data_event_reads": "complete"}
    deployment.sync()

    assert asked(deployment)[0] - before[0] <= 1


def test_a_plan_counts_the_contacts_to_look_up(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, EVENTS)
    assert deployment.job().preview().lists == (PlannedList("data_event_reads", None),)
    deployment.sync()
    deployment.workspace.advance(hours=1)

    assert deployment.job().preview().lists == (PlannedList("data_event_reads", 0),)


def test_a_forgotten_person_has_no_events_but_their_number_stays(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, EVENTS, SUMMARIES)
    person = list(deployment.workspace.contacts)[1]
    deployment.workspace.track(person, "moved", place="nowhere.of.ann")
    deployment.sync()
    secrets = ["nowhere.of.ann", person]
    assert found_in(deployment.folder, secrets)

    Forget(deployment.warehouse, deployment.name, clock=deployment.workspace.now, contact_id=person).run()

    assert found_in(deployment.folder, secrets) == {}
    assert deployment.query("select count(*), count(metadata) from intercom_raw.data_events") == [(136, 130)]
    deployment.workspace.delete(person)
    deployment.workspace.advance(hours=1)
    assert deployment.sync().exit_code == ExitCode.DONE
    assert found_in(deployment.folder, ["nowhere.of.ann"]) == {}


@pytest.mark.nightly
def test_excluded_and_hashed_metadata_is_written_nowhere(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, EVENTS)
    deployment.workspace.track(next(iter(deployment.workspace.contacts)), "moved", place="nowhere.of.ann", kind="far")
    deployment.settings.hash_columns = ["data_events.metadata.place"]
    deployment.settings.exclude_columns = ["data_events.email", "data_events.user_id"]
    deployment.settings.hash_key = "a key for this test only, of no use elsewhere"

    deployment.sync()

    assert found_in(deployment.folder, ["nowhere.of.ann"]) == {}
    assert deployment.query("select count(email), count(user_id), count(metadata) from intercom_raw.data_events") == [
        (0, 0, 136)
    ]
