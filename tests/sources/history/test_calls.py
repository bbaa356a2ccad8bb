"""Phone calls and their transcripts: all of them are loaded, and each is asked for again only if it changed."""

from pathlib import Path

import pytest

from pipelines.commands import Forget
from pipelines.errors import ExitCode
from sources.intercom.tables import PlannedList

from ...support.deployments import Deployment, after_contacts, after_lists
from ...support.lists import loaded, truth
from ...support.nightly import nightly_except
from ...support.personal_data import found_in

CALLS, TRANSCRIPTS = "calls", "call_transcripts"


def deployed(folder: Path, *resources: str, version: str = "Preview") -> Deployment:
    return after_contacts(folder / "data", *resources, version=version)


def now(deployment: Deployment) -> int:
    return int(deployment.workspace.now().timestamp())


def equal(deployment: Deployment) -> bool:
    names = (CALLS, TRANSCRIPTS)
    return loaded(deployment, *names) == {name: truth(deployment.workspace, name) for name in names}


def asked(deployment: Deployment) -> tuple[int, int]:
    """How many calls were made for calls, and for transcripts."""
    return deployment.workspace.calls[CALLS], deployment.workspace.calls["calls search"]


@pytest.mark.parametrize("version", nightly_except(["2.14", "2.16", "Preview"], "2.14", "Preview"))
def test_calls_and_transcripts_equal_the_workspace_and_later_runs_ask_for_changes_alone(
    tmp_path: Path, version: str
) -> None:
    deployment = deployed(tmp_path, TRANSCRIPTS, version=version)
    deployment.lists_only = False
    lists = deployment.workspace.lists
    assert deployment.sync().exit_code == ExitCode.DONE
    assert equal(deployment)
    assert asked(deployment) == (2, 1)

    deployment.workspace.advance(hours=2)
    lists.add_call(500, now(deployment))
    deployment.sync()
    assert equal(deployment)
    assert asked(deployment) == (4, 2)  # the new call, and one of this week that has no transcript yet

    deployment.workspace.advance(days=8)
    lists.end_call("500", now(deployment))
    deployment.sync()
    assert equal(deployment)
    before = asked(deployment)
    deployment.sync()
    assert asked(deployment)[1] == before[1]
    count = len(truth(deployment.workspace, TRANSCRIPTS))
    assert deployment.query("select count(*) from intercom_raw.call_transcripts") == [(count,)]


def test_older_versions_have_no_calls(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, TRANSCRIPTS, version="2.11")

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert outcome.lists == {CALLS: "not_offered", TRANSCRIPTS: "not_offered"}


def test_a_transcript_that_comes_late_is_read_although_its_call_has_not_changed(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, TRANSCRIPTS)
    lists = deployment.workspace.lists
    lists.add_call(501, now(deployment))
    lists.end_call("501", now(deployment), is_transcribed=False)
    deployment.sync()
    lists.transcripts["501"] = [{"text": "late"}]
    deployment.workspace.advance(days=1)

    deployment.sync()

    assert equal(deployment)


def test_transcripts_that_fail_are_read_by_the_next_run(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, TRANSCRIPTS)
    deployment.workspace.faults.status(502, times=6, path_prefix="/calls/search")

    outcome = deployment.sync()

    assert outcome.lists == {CALLS: "complete", TRANSCRIPTS: "incomplete"}
    deployment.workspace.faults.clear()
    assert deployment.sync().exit_code == ExitCode.DONE
    assert equal(deployment)


def test_a_deleted_call_is_marked_and_its_transcript_stays(tmp_path: Path) -> None:
    deployment = after_lists(tmp_path / "data", TRANSCRIPTS)
    deployment.workspace.lists[CALLS].remove("7")

    deployment.sync(full=True)

    assert deployment.query("select id from intercom_raw.calls where is_deleted") == [("7",)]
    assert deployment.query("select count(*) from intercom_raw.call_transcripts where id = '7'") == [(1,)]


@pytest.mark.nightly
def test_without_the_conversations_of_calls_no_transcript_is_asked_for(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, TRANSCRIPTS)
    deployment.settings.exclude_columns = ["calls.conversation_id", "calls.phone"]

    outcome = deployment.sync()

    assert outcome.lists == {CALLS: "complete", TRANSCRIPTS: "not_offered"}
    assert asked(deployment)[1] == 0
    assert deployment.query("select count(phone), count(conversation_id) from intercom_raw.calls") == [(0, 0)]


@pytest.mark.nightly
def test_excluded_and_hashed_transcripts_are_written_nowhere(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, TRANSCRIPTS)
    deployment.settings.hash_columns = ["call_transcripts.transcript"]
    deployment.settings.hash_key = "a key for this test only, of no use elsewhere"
    deployment.settings.exclude_columns = ["calls.phone"]

    deployment.sync()

    assert found_in(deployment.folder, ["My question is", "+15550000007"]) == {}
    assert deployment.query("select count(distinct transcript) > 5 from intercom_raw.call_transcripts") == [(True,)]


def test_a_plan_counts_calls_and_transcripts(tmp_path: Path) -> None:
    deployment = after_lists(tmp_path / "data", TRANSCRIPTS)

    first = deployed(tmp_path / "before", TRANSCRIPTS).job().preview().lists
    deployment.workspace.advance(hours=1)
    second = deployment.job().preview().lists

    assert [(one.table_name, one.calls, one.records) for one in first] == [(CALLS, 2, 30), (TRANSCRIPTS, 2, 30)]
    assert PlannedList(TRANSCRIPTS, 1, 1) in second


def test_a_forgotten_person_is_in_no_call_and_no_transcript(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, TRANSCRIPTS)
    lists, (person, *_) = deployment.workspace.lists, deployment.workspace.contacts
    lists.add_call(601, now(deployment), person)
    lists.end_call("601", now(deployment))
    lists.transcripts["601"] = [{"text": "I am ann.of.nowhere"}]
    deployment.sync()
    secrets = ["ann.of.nowhere", "+15550000601", person]
    assert found_in(deployment.folder, secrets)

    Forget(deployment.warehouse, deployment.name, clock=deployment.workspace.now, contact_id=person).run()

    assert found_in(deployment.folder, secrets) == {}
    assert deployment.query("select count(*) from intercom_raw.calls") == [(31,)]
    assert deployment.query("select count(transcript) > 20 from intercom_raw.call_transcripts") == [(True,)]
