"""Reports: the rows of each dataset are exported by a job of its own, and an export replaces its period."""

import asyncio
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.reference import REPORTING_QUERIES
from pipelines.commands import Forget, Outcome
from pipelines.errors import ExitCode
from pipelines.loading import delete_loads
from pipelines.loading.loads import READ
from sandbox.lists import Reporting
from sandbox.lists.reporting import NAMES
from sources.intercom.api import ExportJob, Pacer, Usage
from sources.intercom.exports.datasets import columns_of
from sources.intercom.exports.jobs import Attribute

from ...support.deployments import Deployment, after_contacts, after_lists
from ...support.lists import different_tables, loaded, truth
from ...support.nightly import nightly_except
from ...support.personal_data import found_in
from .test_exports import Killed, KilledAt, die, now

EXPORTS, ROWS = "reporting_exports", "reporting_rows"
TABLES = ("reporting_datasets", "reporting_attributes", ROWS)
CALLS = ("reports", "report state", "report download")


def deployed(folder: Path, *, version: str = "Preview") -> Deployment:
    deployment = after_contacts(folder / "data", ROWS, version=version)
    deployment.settings.export_wait = 0
    return deployment


def exported(folder: Path) -> Deployment:
    """After a run that loaded all rows; its jobs are no more known to the workspace."""
    deployment = after_lists(folder / "data", ROWS)
    deployment.settings.export_wait = 0
    return deployment


def reporting(deployment: Deployment) -> Reporting:
    return deployment.workspace.lists.reporting


def made(deployment: Deployment) -> tuple[int, ...]:
    """How many calls were made for exports."""
    return tuple(deployment.workspace.calls[name] for name in CALLS)


def status(outcome: Outcome) -> str:
    return outcome.lists[EXPORTS]


def problem(deployment: Deployment) -> str:
    """Of the newest reading."""
    ((found,),) = deployment.query(
        f"select max_by(coalesce(problem, ''), observed_at) from intercom_raw.list_reads where table_name = '{EXPORTS}'"
    )
    return str(found)


def check_equal(deployment: Deployment) -> None:
    """All rows are loaded, and no period of a dataset was asked for twice."""
    version = deployment.settings.api_version
    assert loaded(deployment, *TABLES) == {name: truth(deployment.workspace, name, version) for name in TABLES}
    asked = [(one.dataset, one.after, one.before) for one in reporting(deployment).jobs.values()]
    assert len(asked) == len(set(asked))


def days_later(deployment: Deployment) -> None:
    """Something new, something that has changed, and something that was deleted, in two datasets."""
    deployment.workspace.advance(hours=21)
    for name in NAMES[:2]:
        reporting(deployment).report(name, 500, now(deployment) - 60)
        reporting(deployment).report(name, 2, now(deployment) - 8 * 86_400, state="changed")
        if 3 in reporting(deployment).records[name]:
            reporting(deployment).remove(name, 3)


@pytest.mark.parametrize(
    ("version", "days"), nightly_except([("2.14", 1), ("2.16", 2), ("Preview", 2)], ("2.14", 1), ("Preview", 2))
)
def test_all_rows_are_loaded_and_each_day_those_of_the_last_30_days_again(
    tmp_path: Path, version: str, days: int
) -> None:
    deployment = deployed(tmp_path, version=version)
    deployment.lists_only = False
    assert deployment.sync().exit_code == ExitCode.DONE
    check_equal(deployment)
    assert made(deployment) == (7, 7, 7)

    deployment.workspace.advance(hours=2)
    deployment.sync()
    assert made(deployment) == (7, 7, 7)

    for day in range(2, 2 + days):
        days_later(deployment)
        assert deployment.sync().exit_code == ExitCode.DONE
        check_equal(deployment)
        assert made(deployment) == (7 * day,) * 3
    assert different_tables(deployment) == []


def test_without_a_client_id_rows_are_left_out_and_a_note_names_the_setting(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    deployment.settings.client_id = ""

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert outcome.lists == {"reporting_datasets": "complete", EXPORTS: "not_offered"}
    assert [note for note in outcome.notes if "client_id" in note and "SOURCES__INTERCOM__CLIENT_ID" in note]
    assert made(deployment) == (0, 0, 0)
    assert deployment.query("select table_name from duckdb_tables() where table_name = 'reporting_rows'") == []
    deployment.settings.client_id = reporting(deployment).client_id
    deployment.sync()
    check_equal(deployment)


def test_an_older_version_has_no_reports(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, version="2.11")

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert outcome.lists == {"reporting_datasets": "not_offered", EXPORTS: "not_offered"}
    assert made(deployment) == (0, 0, 0)
    deployment.workspace.advance(hours=1)
    assert deployment.job().preview().lists == ()


def test_another_apps_client_id_is_refused_and_the_jobs_wait_for_the_right_one(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    reporting(deployment).client_id = "another"

    outcome = deployment.sync()

    assert (outcome.exit_code, status(outcome)) == (ExitCode.DONE, "refused")
    assert any("client_id" in note for note in outcome.notes)
    reporting(deployment).client_id = deployment.settings.client_id
    assert status(deployment.sync()) == "complete"
    check_equal(deployment)
    assert len(reporting(deployment).jobs) == len(NAMES)


def test_a_token_without_the_scope_is_refused(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    reporting(deployment).is_refused = True

    outcome = deployment.sync()

    assert (outcome.exit_code, status(outcome)) == (ExitCode.DONE, "refused")
    assert any("Read/Export reporting datasets" in note for note in outcome.notes)


def test_no_more_than_five_jobs_are_under_way_and_the_others_have_their_turn_later(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    reporting(deployment).questions = 2

    outcomes = [deployment.sync()]
    assert (len(reporting(deployment).jobs), deployment.workspace.calls["reports"]) == (5, 5)
    outcomes += [deployment.sync() for _ in range(2)]

    assert [status(one) for one in outcomes] == ["partial", "partial", "complete"]
    assert [one.exit_code for one in outcomes] == [ExitCode.DONE] * 3
    check_equal(deployment)
    assert made(deployment) == (7, 14, 7)


def test_a_run_that_waits_asks_for_the_others_once_some_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = list[float]()

    async def no_sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("sources.intercom.exports.run.sleep", no_sleep)
    deployment = deployed(tmp_path)
    deployment.settings.export_wait = 10
    reporting(deployment).questions = 2

    assert status(deployment.sync()) == "complete"

    check_equal(deployment)
    assert waited == [2, 4]


def test_jobs_of_another_tool_stop_no_other_call_and_are_waited_for(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    others = [reporting(deployment).make(1, now(deployment), dataset="call", attributes=("state",)) for _ in range(5)]
    deployment.settings.resources = [ROWS, "tags"]

    outcome = deployment.sync()

    assert (outcome.exit_code, outcome.lists["tags"], status(outcome)) == (ExitCode.DONE, "complete", "partial")
    assert made(deployment) == (1, 0, 0)
    assert "as many as it makes at a time" in str(outcome.notes)
    for one in others:
        assert one is not None
        one.status = "complete"
    assert status(deployment.sync()) == "complete"
    assert loaded(deployment, ROWS) == {ROWS: truth(deployment.workspace, ROWS)}


@pytest.mark.parametrize(
    ("path", "is_answered"),
    [
        ("/export/reporting_data/get_datasets", False),
        ("/export/reporting_data/enqueue", False),
        ("/export/reporting_data/enqueue", True),
        ("/export/reporting_data/job", True),
        ("/download", False),
        ("/download", True),
    ],
)
def test_a_run_that_ends_at_any_call_leaves_its_jobs_to_the_next_one(
    tmp_path: Path, path: str, is_answered: bool
) -> None:
    deployment = deployed(tmp_path)
    deployment.transport = KilledAt(in_process := deployment.transport, path, is_answered=is_answered)
    die(deployment)
    deployment.transport = in_process

    assert status(deployment.sync()) == "complete"

    deployment.workspace.advance(hours=1)
    assert status(deployment.sync()) == "complete"
    check_equal(deployment)
    is_lost = (path, is_answered) == ("/export/reporting_data/enqueue", True)
    assert len(reporting(deployment).jobs) == len(NAMES) + is_lost


def test_files_that_were_downloaded_are_not_downloaded_again(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)

    def say(step: str) -> None:
        if step == "Loading":
            raise Killed

    die(deployment, say=say)
    assert status(deployment.sync()) == "complete"

    check_equal(deployment)
    assert made(deployment) == (7, 7, 7)


def test_a_failed_an_empty_and_a_damaged_export_concern_one_dataset_each(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    reporting(deployment).ends_as.append("failed")
    reporting(deployment).records["call"].clear()
    reporting(deployment).cut.append(40)

    outcome = deployment.sync()

    assert (outcome.exit_code, status(outcome)) == (ExitCode.INCOMPLETE, "incomplete")
    assert problem(deployment).startswith("conversation: Intercom's export has the status failed")
    assert "call: the export's file is damaged" in problem(deployment)
    assert loaded(deployment, ROWS)[ROWS] == {
        row for row in truth(deployment.workspace, ROWS) if row[0] != "conversation"
    }
    for _ in range(9):
        assert status(deployment.sync()) == "complete"
        if loaded(deployment, ROWS)[ROWS] == truth(deployment.workspace, ROWS):
            break
    check_equal(deployment)


@pytest.mark.nightly
def test_expired_jobs_are_said_and_made_again(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    deployment.transport = KilledAt(in_process := deployment.transport, "/download", is_answered=False)
    die(deployment)
    deployment.transport = in_process
    deployment.workspace.advance(days=3)

    assert status(deployment.sync()) == "incomplete"

    assert "expired before it was downloaded" in problem(deployment)
    assert status(deployment.sync()) == "complete"
    check_equal(deployment)


DAILY = (("qualified_id", True), ("id", False), ("name", True))


@pytest.mark.parametrize(
    ("called", "is_dated_in_seconds"), nightly_except(product(("qualified_id", "id", "name"), (True, False)), *DAILY)
)
def test_columns_are_known_by_any_of_their_names(tmp_path: Path, called: Any, is_dated_in_seconds: bool) -> None:
    deployment = deployed(tmp_path)
    reporting(deployment).called, reporting(deployment).is_dated_in_seconds = called, is_dated_in_seconds

    deployment.sync()

    check_equal(deployment)
    brands = """
        select distinct attribute_values ->> '$."people.Brand"', attribute_values ->> '$."call.Brand"'
        from intercom_raw.reporting_rows where dataset_id = 'call' and occurred_at is not null
    """
    assert deployment.query(brands) == [("A", "B")]


def test_columns_in_another_order_are_found_and_a_file_without_any_is_damaged() -> None:
    attributes = [Attribute("a.x", "x", "Ex"), Attribute("b.x", "x", "Ex"), Attribute("a.y", "y", "Why")]

    assert columns_of(["x", "x", "Why"], attributes) == ["a.x", "b.x", "a.y"]
    assert columns_of(["y", "b.x"], attributes) == ["a.y", "b.x"]
    assert columns_of(["Ex", "Why", "new", "a.x"], attributes) == ["Ex", "a.y", "new", "a.x"]
    assert columns_of([], attributes) == []
    with pytest.raises(Exception, match="no column of the dataset"):
        columns_of(['{"type":"error.list"}'], attributes)


def test_equal_rows_are_all_loaded_and_one_that_comes_back_counts_again(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    at, same = now(deployment) - 5 * 86_400, {"call_id": "7", "user_id": "u", "email": "e", "reply_count": "1"}
    for number in (801, 802, 803):
        reporting(deployment).report("call", number, at, state="same", **same)
    count = "select count(*) from intercom_raw.reporting_rows where not is_deleted and dataset_id = 'call' and {}"
    query = count.format("""attribute_values ->> '$."call.state"' = 'same'""")
    deployment.sync()
    assert deployment.query(query) == [(3,)]

    found = []
    for numbers in ((801,), (801, 802, 803)):
        deployment.workspace.advance(hours=21)
        for number in (801, 802, 803):
            reporting(deployment).records["call"].pop(number, None)
        for number in numbers:
            reporting(deployment).report("call", number, at, state="same", **same)
        deployment.sync()
        found += deployment.query(query)

    assert found == [(1,), (3,)]


def test_an_export_that_lacks_most_rows_counts_only_the_second_time(tmp_path: Path) -> None:
    deployment = exported(tmp_path)
    rows = "select count(*) from intercom_raw.reporting_rows where not is_deleted and dataset_id = 'call'"
    kept = {number: row for number, row in reporting(deployment).records["call"].items() if number > 7}
    reporting(deployment).records["call"] = kept

    deployment.workspace.advance(hours=21)
    outcome = deployment.sync()

    assert (outcome.exit_code, status(outcome)) == (ExitCode.INCOMPLETE, "incomplete")
    assert problem(deployment).startswith("call: it lacks 7 of 7 at once")
    assert deployment.query(rows) == [(20,)]
    assert deployment.sync().exit_code == ExitCode.DONE
    check_equal(deployment)


def test_a_dataset_that_is_listed_no_more_leaves_its_rows_and_no_file(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    deployment.transport = KilledAt(in_process := deployment.transport, "/download", is_answered=True)
    die(deployment)
    deployment.transport = in_process
    deployment.workspace.lists["reporting_datasets"].remove("conversation")

    assert status(deployment.sync()) == "complete"

    files = list(deployment.folder.rglob("exports/reporting_rows-*.json"))
    assert len(files) == len(NAMES) - 1
    assert {row[0] for row in loaded(deployment, ROWS)[ROWS]} == set(NAMES) - {"conversation"}


def test_an_excluded_attribute_is_not_asked_for_and_a_hashed_one_is_in_no_table(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    of_people = f"{ROWS}.attribute_values.people"
    deployment.settings.exclude_columns = [f"{of_people}.email"]
    deployment.settings.hash_columns = [f"{of_people}.user_id"]
    deployment.settings.hash_key = "a key for this test only, of no use elsewhere"

    deployment.sync()

    asked = {name for one in reporting(deployment).jobs.values() for name in one.attributes}
    assert "people.email" not in asked
    assert "people.user_id" in asked
    assert found_in(deployment.folder, ["reporter7@example.com", f'"{7:024x}"']) == {}
    hashed = """select count(distinct attribute_values ->> '$."people.user_id"') from intercom_raw.reporting_rows"""
    assert deployment.query(hashed) == [(20,)]


def test_a_forgotten_person_is_in_no_report_and_in_no_file(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    person = next(iter(deployment.workspace.contacts))
    address = "ann@nowhere.example"
    deployment.lists_only = False
    deployment.workspace.update(person, email=address)
    for number, values in {901: {"user_id": person}, 902: {"email": address}, 903: {"email": address.upper()}}.items():
        reporting(deployment).report("call", number, now(deployment), state=f"secret {number}", **values)
    deployment.sync()
    secrets = [person, address, address.upper(), "secret 901", "secret 902", "secret 903"]
    assert found_in(deployment.folder, secrets)

    Forget(deployment.warehouse, deployment.name, clock=deployment.workspace.now, contact_id=person).run()

    assert found_in(deployment.folder, secrets) == {}
    assert deployment.query("select count(*), count(attribute_values) from intercom_raw.reporting_rows") == [(143, 140)]


def test_to_forget_a_contact_without_an_address_clears_no_report_of_others(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    person = next(iter(deployment.workspace.contacts))
    deployment.workspace.update(person, email="")
    deployment.lists_only = False
    deployment.sync()

    Forget(deployment.warehouse, deployment.name, clock=deployment.workspace.now, contact_id=person).run()

    assert deployment.query("select count(*) - count(attribute_values) from intercom_raw.reporting_rows") == [(0,)]


def test_a_dropped_load_leaves_no_note_that_its_rows_were_read(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    deployment.sync()
    with deployment.warehouse.pipeline(deployment.name).sql_client() as client:
        loads = client.execute_sql("select distinct _dlt_load_id from intercom_raw.reporting_exports") or ()
        client.execute_sql("delete from intercom_raw.reporting_rows")  # as if they had not arrived
        delete_loads(client, deployment.warehouse.dialect, [load_id for (load_id,) in loads])
    deployment.workspace.advance(hours=1)

    assert deployment.sync().exit_code == ExitCode.DONE

    check_equal(deployment)
    assert {"conversation_part_reads", "data_event_reads", "data_event_summary_reads", EXPORTS} == READ


def test_the_documented_queries_have_answers(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    deployment.has_marts = True
    deployment.sync()

    attributes, days = (deployment.query(query) for query in REPORTING_QUERIES.values())

    assert ("conversation.state", "State") in attributes
    assert sum(conversations for _, _, conversations, _ in days) == 20


class WatchedPacer(Pacer):
    """Counts the answers that are taken for an empty quota."""

    refusals = 0

    def wait_for_next_window(self) -> None:
        self.refusals += 1


def test_five_pending_jobs_are_no_empty_quota(tmp_path: Path) -> None:
    deployment, pacer = deployed(tmp_path), WatchedPacer()
    asked = {"dataset_id": "call", "attribute_ids": ["call.state"], "start_time": 1, "end_time": now(deployment)}

    async def ask() -> list[ExportJob | None]:
        async with deployment.settings.client(pacer, Usage(), transport=deployment.transport) as client:
            return [await client.ask_for_export("/export/reporting_data/enqueue", asked) for _ in range(6)]

    jobs = asyncio.run(ask())

    assert [one is not None for one in jobs] == [True] * 5 + [False]
    assert pacer.refusals == 0


def planned(deployment: Deployment) -> int | None:
    """The calls that a plan has for the exports."""
    (found,) = (one for one in deployment.job().preview().lists if one.table_name == EXPORTS)
    return found.calls


def test_a_plan_says_how_many_datasets_are_due(tmp_path: Path) -> None:
    assert planned(deployed(tmp_path / "before")) is None
    deployment = exported(tmp_path)
    deployment.workspace.advance(hours=1)
    assert planned(deployment) == 1

    deployment.workspace.advance(hours=20)

    assert planned(deployment) == 22


def test_values_are_json_that_names_the_attributes(tmp_path: Path) -> None:
    deployment = exported(tmp_path)

    one = "select attribute_values from intercom_raw.reporting_rows where dataset_id = 'call' order by occurred_at"
    ((first,), *_) = deployment.query(one)

    assert json.loads(first)["call.call_id"] == "20"
    names = deployment.query("select attribute_id from intercom_raw.reporting_attributes where dataset_id = 'call'")
    assert json.loads(first).keys() <= {name for (name,) in names}
