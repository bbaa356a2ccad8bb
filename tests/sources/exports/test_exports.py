"""Exports: no period is asked for twice, at any end of a run, and what Intercom has exported is loaded once."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.commands import Forget, Outcome
from pipelines.errors import ExitCode, causes
from sandbox.lists.exports import Exports
from sources.intercom.exports.jobs import Job, JobStore, Kept
from sources.intercom.exports.rows import SeenKeys, csv_rows
from sources.intercom.exports.run import waits
from sources.intercom.tables import PlannedList

from ...support.deployments import Deployment, after_contacts, after_lists
from ...support.lists import loaded, truth
from ...support.nightly import nightly, nightly_except
from ...support.personal_data import found_in

RECEIPTS = "message_receipts"
CALLS = ("exports", "export state", "export download")


class Killed(Exception):
    """The run ends here."""


def die(deployment: Deployment, **options: Any) -> None:
    """A run that ends early."""
    with pytest.raises(Exception) as raised:  # noqa: PT011  # dlt wraps it
        deployment.sync(**options)
    assert any(isinstance(cause, Killed) for cause in causes(raised.value))


class KilledAt(httpx.AsyncBaseTransport):
    """Ends the run at a call: before Intercom gets it, or after Intercom has answered."""

    def __init__(self, inner: httpx.AsyncBaseTransport, path: str, *, is_answered: bool) -> None:
        self._inner, self._path, self._is_answered = inner, path, is_answered

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_here = request.url.path.startswith(self._path)
        if is_here and not self._is_answered:
            raise Killed
        response = await self._inner.handle_async_request(request)
        if is_here:
            raise Killed
        return response


def deployed(folder: Path, *, version: str = "Preview") -> Deployment:
    deployment = after_contacts(folder / "data", RECEIPTS, version=version)
    deployment.settings.export_wait = 0
    return deployment


def exports(deployment: Deployment) -> Exports:
    return deployment.workspace.lists.exports


def made(deployment: Deployment) -> dict[str, int]:
    """How many calls were made for exports."""
    return {name: deployment.workspace.calls[name] for name in CALLS if deployment.workspace.calls[name]}


def now(deployment: Deployment) -> int:
    return int(deployment.workspace.now().timestamp())


def status(outcome: Outcome) -> str:
    return outcome.lists[RECEIPTS]


def check_equal(deployment: Deployment) -> None:
    """All receipts are loaded, and no period was asked for twice."""
    assert loaded(deployment, RECEIPTS) == {RECEIPTS: truth(deployment.workspace, RECEIPTS)}
    periods = [(one.after, one.before) for one in exports(deployment).jobs.values()]
    assert len(periods) == len(set(periods))


@pytest.mark.parametrize("version", nightly_except(["2.7", "2.11", "2.14", "2.16", "Preview"], "2.7", "Preview"))
def test_receipts_are_exported_once_a_day_with_those_of_the_last_30_days_again(tmp_path: Path, version: str) -> None:
    deployment = deployed(tmp_path, version=version)
    deployment.lists_only = False
    assert deployment.sync().exit_code == ExitCode.DONE
    check_equal(deployment)
    assert made(deployment) == dict.fromkeys(CALLS, 1)

    deployment.workspace.advance(hours=2)
    exports(deployment).send(500, "f" * 24, now(deployment))
    exports(deployment).receipts["9"]["first_open"] = now(deployment)
    deployment.sync()
    assert made(deployment) == dict.fromkeys(CALLS, 1)

    deployment.workspace.advance(hours=20)
    deployment.sync()
    check_equal(deployment)
    assert made(deployment) == dict.fromkeys(CALLS, 2)
    newest = "select status, fetched, changed from intercom_raw.list_reads order by observed_at desc limit 1"
    assert deployment.query(newest) == [("complete", 30, 2)]


def test_a_job_that_is_not_ready_is_loaded_by_a_later_run(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    exports(deployment).questions = 3

    outcomes = [deployment.sync() for _ in range(3)]

    assert [status(one) for one in outcomes] == ["partial", "partial", "complete"]
    assert any("is not loaded yet" in note for note in outcomes[0].notes)
    assert outcomes[0].exit_code == ExitCode.DONE
    check_equal(deployment)
    assert made(deployment) == {"exports": 1, "export state": 3, "export download": 1}


def test_a_run_waits_for_a_job_as_long_as_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = list[float]()

    async def no_sleep(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr("sources.intercom.exports.run.sleep", no_sleep)
    deployment = deployed(tmp_path)
    deployment.settings.export_wait = 1
    exports(deployment).questions = 100

    assert status(deployment.sync()) == "partial"

    assert waited == [2, 4, 8, 16, 30] == list(waits(60))
    exports(deployment).questions = 0
    assert status(deployment.sync()) == "complete"
    check_equal(deployment)


@pytest.mark.parametrize("packing", nightly(["zip", "plain"], "plain"))
def test_files_in_zip_and_without_packing_are_read(tmp_path: Path, packing: Any) -> None:
    deployment = deployed(tmp_path)
    exports(deployment).packing = packing

    deployment.sync()

    check_equal(deployment)


def test_an_empty_export_is_complete_and_loads_nothing(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    exports(deployment).receipts.clear()

    outcome = deployment.sync()

    assert (status(outcome), made(deployment)) == ("complete", {"exports": 1, "export state": 1})
    deployment.workspace.advance(hours=1)
    deployment.sync()
    assert made(deployment) == {"exports": 1, "export state": 1}


@pytest.mark.nightly
def test_a_failed_job_is_said_and_the_next_ones_ask_for_half_of_its_time(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    exports(deployment).ends_as += ["failed", "canceled"]

    outcomes = [deployment.sync() for _ in range(2)]

    assert [status(one) for one in outcomes] == ["incomplete", "incomplete"]
    assert "status failed" in str(outcomes[0].notes)
    assert outcomes[0].exit_code == ExitCode.INCOMPLETE
    first, second = exports(deployment).jobs.values()
    assert second.before - second.after == (first.before - first.after) // 2
    while now(deployment) - exports(deployment).jobs[max(exports(deployment).jobs)].before > 60:
        assert status(deployment.sync()) == "complete"
    check_equal(deployment)


@pytest.mark.nightly
def test_an_expired_job_is_said_and_made_again_for_a_longer_time(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    deployment.transport = KilledAt(in_process := deployment.transport, "/download", is_answered=False)
    die(deployment)
    deployment.transport = in_process
    deployment.workspace.advance(days=3)

    outcome = deployment.sync()

    assert status(outcome) == "incomplete"
    assert "has expired" in str(outcome.notes)
    assert status(deployment.sync()) == "complete"
    check_equal(deployment)
    assert len(exports(deployment).jobs) == 2


@pytest.mark.nightly
def test_an_export_of_another_tool_is_waited_for(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    other = exports(deployment).make(1, now(deployment))

    outcome = deployment.sync()

    assert (outcome.exit_code, status(outcome)) == (ExitCode.DONE, "partial")
    assert other is not None
    other.status = "completed"
    assert status(deployment.sync()) == "complete"
    check_equal(deployment)


def test_a_refusal_is_a_note_with_the_scope(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    exports(deployment).is_refused = True

    outcome = deployment.sync()

    assert (outcome.exit_code, status(outcome)) == (ExitCode.DONE, "refused")
    assert any("Export message data" in note for note in outcome.notes)


@pytest.mark.nightly
def test_a_damaged_file_is_downloaded_again(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    exports(deployment).cut.append(40)

    assert status(deployment.sync()) == "incomplete"

    assert status(deployment.sync()) == "complete"
    check_equal(deployment)
    assert made(deployment) == {"exports": 1, "export state": 2, "export download": 2}


def test_rows_without_a_receipt_make_the_export_incomplete_and_the_others_are_loaded(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    exports(deployment).receipts["7"]["receipt_id"] = ""
    exports(deployment).send(9, "e" * 24, now(deployment), first_open="soon", ruleset_id="")
    exports(deployment).receipts["10"]["name"] = "NUL \0"

    outcome = deployment.sync()

    assert status(outcome) == "incomplete"
    assert "1 rows of the export could not be read" in str(outcome.notes)
    odd = "select first_open_at, ruleset_id, _extra from intercom_raw.message_receipts where receipt_id = '9'"
    assert deployment.query(odd) == [(None, "", '{"first_open":"soon"}')]
    assert deployment.query("select name from intercom_raw.message_receipts where receipt_id = '10'") == [
        ("NUL \ufffd",)
    ]
    exports(deployment).receipts["7"]["receipt_id"] = "7"
    assert status(deployment.sync()) == "complete"
    assert deployment.query("select count(*) from intercom_raw.message_receipts") == [(40,)]


@pytest.mark.parametrize(
    ("path", "is_answered"),
    [("/export", False), ("/export", True), ("/export/content/data/", True), ("/download", False), ("/download", True)],
)
def test_a_run_that_ends_at_any_call_leaves_its_job_to_the_next_one(
    tmp_path: Path, path: str, is_answered: bool
) -> None:
    deployment = deployed(tmp_path)
    deployment.transport = KilledAt(in_process := deployment.transport, path, is_answered=is_answered)
    die(deployment)
    deployment.transport = in_process

    outcomes = [deployment.sync()]
    deployment.workspace.advance(hours=1)
    outcomes.append(deployment.sync())

    assert status(outcomes[-1]) == "complete"
    check_equal(deployment)
    is_lost = (path, is_answered) == ("/export", True)
    assert len(exports(deployment).jobs) == (2 if is_lost else 1)
    assert [one.exit_code for one in outcomes] == [ExitCode.DONE] * 2


def test_a_file_that_was_downloaded_is_not_downloaded_again(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)

    def say(step: str) -> None:
        if step == "Loading":
            raise Killed

    die(deployment, say=say)
    assert status(deployment.sync()) == "complete"

    check_equal(deployment)
    assert made(deployment) == dict.fromkeys(CALLS, 1)


@pytest.mark.nightly
def test_excluded_and_hashed_columns_are_in_no_table(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    deployment.settings.exclude_columns = [f"{RECEIPTS}.email"]
    deployment.settings.hash_columns = [f"{RECEIPTS}.name"]
    deployment.settings.hash_key = "a key for this test only, of no use elsewhere"
    deployment.sync()
    deployment.workspace.advance(hours=1)

    deployment.sync()  # deletes the file of the export, too

    assert found_in(deployment.folder, ["Reader, 7", f"{7:024x}@example.com"]) == {}
    assert deployment.query("select count(email), count(distinct name) from intercom_raw.message_receipts") == [(0, 40)]


def test_a_forgotten_person_is_in_no_receipt_and_in_no_file(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    person = next(iter(deployment.workspace.contacts))
    exports(deployment).send(700, person, now(deployment), name="Ann of Nowhere")
    deployment.sync()
    secrets = ["Ann of Nowhere", person]
    assert found_in(deployment.folder, secrets)

    Forget(deployment.warehouse, deployment.name, clock=deployment.workspace.now, contact_id=person).run()

    assert found_in(deployment.folder, secrets) == {}
    assert deployment.query("select count(*), count(name) from intercom_raw.message_receipts") == [(41, 40)]


def test_a_plan_says_whether_an_export_is_due(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    assert deployment.job().preview().lists == (PlannedList(RECEIPTS, 3),)
    deployment = after_lists(tmp_path / "exported", RECEIPTS)
    deployment.workspace.advance(hours=1)

    assert deployment.job().preview().lists == (PlannedList(RECEIPTS, 0),)


def test_a_state_that_cannot_be_read_counts_as_none_and_a_missing_file_as_not_downloaded(tmp_path: Path) -> None:
    store = JobStore(tmp_path, RECEIPTS)
    assert store.read() == Kept()
    store.keep(Kept(Job(1, 2, "a", is_downloaded=True)))
    assert store.read() == Kept(Job(1, 2, "a"))

    (tmp_path / "exports" / f"{RECEIPTS}.json").write_bytes(b"\0\0")

    assert store.read() == Kept()


def test_rows_are_the_same_in_gzip_of_gzip_and_keys_are_known_once(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(gzip.compress(gzip.compress(b'\xef\xbb\xbfa,b\r\n1,"x\ny"\r\n2\r\n')))
    assert list(csv_rows(file)) == [{"a": "1", "b": "x\ny"}, {"a": "2", "b": ""}]

    seen = SeenKeys(tmp_path / "seen")

    assert [seen.is_new(key) for key in (("a", "b"), ("ab",), ("a", "b"))] == [True, True, False]
    seen.close()
