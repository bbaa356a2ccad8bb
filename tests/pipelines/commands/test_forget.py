"""A person who is forgotten is in no file below the data folder, and every count is as it was."""

import json
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.commands import Forget, Forgotten
from pipelines.destinations import Warehouse
from pipelines.destinations.duckdb import DuckDB
from pipelines.errors import ExitCode, Misconfigured
from pipelines.loading import part_store_of
from pipelines.loading.packages import Stuck
from pipelines.settings import use_project_config
from sandbox.segments.rules import Tagged
from sandbox.world import Workspace

from ...soak.audit import check_keys
from ...soak.kills import PROCESSES, Death, reporting_files, reporting_steps
from ...support.deployments import Deployment, lively_workspace
from ...support.first_loads import large_deployment
from ...support.interference import Stop, breaks_loading, stop
from ...support.nightly import nightly, nightly_except
from ...support.personal_data import CANARY, found_in, personal, rows_of
from ...support.snapshots import copied
from ...support.terminal import Terminal

COUNTS = "select * from intercom.segment_daily order by all"
EVENTS = (
    "select segment_id, event, occurred_at, reason, spell_number from intercom.segment_membership_events order by all"
)
SHAPE = re.compile(r"[0-9a-f]{24}")


def known_person(deployment: Deployment, contact_id: str) -> None:
    """Fills every field of a contact, and has others speak of it."""
    deployment.workspace.update(contact_id, **personal())
    other = max(deployment.workspace.contacts)
    deployment.workspace.update(other, custom_attributes={"referred_by": f"see {contact_id}"})


@dataclass
class Lived(Deployment):
    """Three days of a workspace; `person` is a user with all fields filled, in segments, who takes a lead over."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.users, self.leads = (self._everybody_who_is_a(role) for role in ("user", "lead"))
        self.person = self.users[0]

    def _everybody_who_is_a(self, role: str) -> list[str]:
        return sorted(key for key, one in self.workspace.contacts.items() if one.value("role") == role)

    def live(self, at_night: Callable[[], object], on_the_last: Callable[[], object]) -> None:
        self.workspace.make_segment("Crowd", Tagged("crowd"))
        for contact_id in self.users[:40]:
            self.workspace.tag(contact_id, "crowd")
        known_person(self, self.person)
        at_night()
        self.workspace.advance(days=1)
        self.workspace.merge(self.leads[0], self.person)
        self.workspace.untag(self.person, "crowd")
        at_night()
        self.workspace.advance(days=1)
        self.workspace.tag(self.person, "crowd")
        on_the_last()


@pytest.fixture
def lived(tmp_path: Path) -> Lived:
    """After three days with a run every night."""
    return lived_in_version("Preview", tmp_path / "data")


def lived_in_version(version: str, folder: Path) -> Lived:
    def live_and_sync(folder: Path) -> None:
        deployment = Lived(folder, lively_workspace())
        deployment.settings.api_version = version
        deployment.live(deployment.load, deployment.sync)

    deployment = Lived(copied(f"lived {version}", live_and_sync, folder), lively_workspace())
    deployment.settings.api_version = version
    pause = partial(deployment.workspace.advance, seconds=1)
    deployment.live(pause, pause)
    return deployment


def forget(deployment: Deployment, contact_id: str, **options: Any) -> Forgotten:
    return Forget(
        deployment.warehouse, deployment.name, contact_id=contact_id, clock=deployment.workspace.now, **options
    ).run()


@pytest.mark.parametrize("publish_raw", nightly([True, False], True))
def test_a_forgotten_person_is_in_no_file_and_all_counts_are_as_they_were(lived: Lived, publish_raw: bool) -> None:
    lived.warehouse = Warehouse(lived.folder, DuckDB(lived.folder, publish_raw=publish_raw))
    contact_id = lived.person
    before = lived.query(COUNTS), lived.query(EVENTS)

    forgotten = forget(lived, contact_id)

    assert found_in(lived.folder, [CANARY, contact_id]) == {}
    assert (lived.query(COUNTS), lived.query(EVENTS)) == before
    assert forgotten.rows["contacts"] == 2  # its own, and the one that speaks of it
    assert forgotten.rows["membership_changes"] >= 3
    assert {path.stat().st_mode & 0o077 for path in lived.folder.rglob("*")} == {0}
    if publish_raw:
        check_keys(lived)


@pytest.mark.nightly
def test_the_row_stays_under_a_random_id_and_all_that_named_it_goes_by_that(lived: Lived) -> None:
    contact_id = lived.person
    lived.workspace.live(days=1)
    lived.sync()
    before = rows_of(lived.warehouse.file)

    forget(lived, contact_id)

    after = rows_of(lived.warehouse.file)
    ((substitute,),) = lived.query("select id from intercom_raw.contacts where role is null")
    assert SHAPE.fullmatch(substitute)
    (row,) = (row for row in after["intercom_raw.contacts"] if substitute in row)
    assert {value for value in row if value is not None} - {row[-1]} == {"sandbox", substitute}
    for table in ("membership_changes", "contact_removals", "segment_scans", "segments", "runs"):
        renamed = [
            tuple(substitute if value == contact_id else value for value in row)
            for row in before[f"intercom_raw.{table}"]
        ]
        assert sorted(after[f"intercom_raw.{table}"], key=repr) == sorted(renamed, key=repr)
    assert lived.query("select merged_into_contact_id from intercom_raw.contact_removals where status = 'merged'") == [
        (substitute,)
    ]
    assert lived.query(
        "select distinct external_id from intercom_raw.contact_activities where contact_id = ?", substitute
    ) == [(None,)]


def test_a_file_written_anew_holds_nothing_of_what_was_deleted_as_the_old_one_does(synced: Deployment) -> None:
    rows = "select concat('deleted-canary-', range) as word from range(100000)"
    with duckdb.connect(str(synced.warehouse.file)) as connection:
        for name in ("deleted", "kept"):
            connection.execute(f"set force_compression = 'uncompressed'; create table {name} as {rows}; checkpoint")
            rows = rows.replace("deleted", "kept")
        connection.execute("drop table deleted; checkpoint")
    before = synced.warehouse.file.read_bytes()

    with synced.warehouse.held():
        synced.warehouse.rewrite([])

    assert b"deleted-canary-" in before
    assert b"deleted-canary-" not in synced.warehouse.file.read_bytes()
    assert len(rows_of(synced.warehouse.file)["main.kept"]) == 100_000


@pytest.mark.nightly
@pytest.mark.parametrize(("is_deleted", "version"), [(True, "2.14"), (False, "Preview")])
def test_the_next_sync_finds_the_forgotten_contact_gone_and_no_count_is_wrong(
    tmp_path: Path, version: str, is_deleted: bool
) -> None:
    deployment = lived_in_version(version, tmp_path / "data")
    contact_id = deployment.person
    past_days = deployment.query(COUNTS)
    forget(deployment, contact_id)

    if is_deleted:
        deployment.workspace.delete(contact_id)
    deployment.workspace.advance(days=1)
    outcome = deployment.sync()
    again = deployment.sync(full=True)

    assert (outcome.exit_code, outcome.warnings, again.warnings) == (ExitCode.DONE, (), ())
    assert deployment.members() == deployment.workspace.pairs()
    assert deployment.query(
        f"select * from ({COUNTS}) where observed_on < ? order by all", deployment.workspace.now().date()
    ) == [day for day in past_days if day[1] < deployment.workspace.now().date()]
    ended = deployment.query(
        "select distinct leave_reason from intercom.segment_memberships join intercom.contacts using (contact_id) "
        "where contacts.role is null and left_on = ?",
        deployment.workspace.now().date(),
    )
    assert ended == [("contact_deleted",)]
    assert (
        deployment.query("select member_count - reported_count from intercom.segments where not is_deleted").count((0,))
        == 11
    )
    assert (deployment.query("select 1 from intercom.contacts where contact_id = ?", contact_id) == []) == is_deleted


def test_who_is_forgotten_is_unknown_from_then_on_and_nobody_learns_the_id(lived: Lived) -> None:
    forget(lived, lived.person)

    with pytest.raises(Misconfigured, match="no contact of that id"):
        forget(lived, lived.person)

    assert found_in(lived.folder, [lived.person]) == {}
    assert [json.loads(line)["command"] for line in lived.warehouse.journal.read_text().splitlines()][-2:] == [
        "forget",
        "forget",
    ]


def test_nobody_is_forgotten_for_an_id_that_is_none(lived: Lived) -> None:
    before = rows_of(lived.warehouse.file)

    for unknown in ("", "%", "0", min(lived.workspace.segments), "sandbox"):
        with pytest.raises(Misconfigured, match="nothing was changed"):
            forget(lived, unknown)

    assert rows_of(lived.warehouse.file) == before


def test_before_anything_was_synced_there_is_nobody_to_forget(deployment: Deployment) -> None:
    with pytest.raises(Misconfigured, match="no warehouse"):
        forget(deployment, "0" * 24)


@pytest.mark.nightly
def test_an_id_in_the_words_of_a_failed_check_is_replaced_in_the_journal_and_its_table(lived: Lived) -> None:
    contact_id = lived.person
    problem = f"no_mart_has_duplicate_rows (rows: 1; one of them: contact_id={contact_id}). Fix it."
    lines = lived.warehouse.journal.read_text().splitlines()
    told = json.dumps(json.loads(lines[-1]) | {"problem": problem})
    lived.warehouse.journal.write_text("\n".join([*lines[:-1], told]) + "\n")
    lived.sync()  # loads what the journal says

    forget(lived, contact_id)

    assert found_in(lived.folder, [contact_id]) == {}
    assert "contact_id=" in lived.warehouse.journal.read_text()
    assert lived.query("select count(*) from intercom_raw.runs where problem like '%contact_id=%'") == [(1,)]


@pytest.mark.nightly
def test_whom_a_run_asked_about_last_is_replaced_in_dlts_state(deployment: Deployment) -> None:
    deployment.workspace.refuses.add("segment_id")
    deployment.settings.sweep_budget = 20
    deployment.sync()
    deployment.workspace.advance(hours=1)
    deployment.sync()
    state: Any = deployment.warehouse.pipeline("intercom").state
    last = state["sources"]["intercom"]["asked_until"]
    assert found_in(deployment.folder / "pipelines", [last])

    forget(deployment, last)

    assert found_in(deployment.folder, [last]) == {}
    state = deployment.warehouse.pipeline("intercom").state
    assert SHAPE.fullmatch(state["sources"]["intercom"]["asked_until"])
    deployment.workspace.delete(last)
    deployment.workspace.advance(hours=1)
    assert deployment.sync(full=True).exit_code == ExitCode.DONE
    assert deployment.members() == deployment.workspace.pairs()


@pytest.mark.nightly
def test_the_cursor_stays_where_it_was(lived: Lived) -> None:
    before = lived.cursor()

    forget(lived, lived.person)

    assert lived.cursor() == before


@pytest.mark.nightly
def test_two_workspaces_with_equal_ids_are_not_mistaken_for_one_another(
    make_deployment: Callable[..., Deployment],
) -> None:
    one, two = make_deployment("one", workspace_id="one"), make_deployment("two", workspace_id="two")
    for deployment in (one, two):
        deployment.sync()
    contact_id = min(one.workspace.contacts)
    assert contact_id in two.workspace.contacts

    forget(one, contact_id)

    assert two.members() == two.workspace.pairs()
    ids = two.query("select workspace_id from intercom.contacts where contact_id = ?", contact_id)
    assert ids == [("two",)]


@pytest.mark.nightly
def test_who_was_merged_with_the_person_is_told(lived: Lived) -> None:
    contact_id = lived.person
    ((lead,),) = lived.query("select contact_id from intercom_raw.contact_removals where status = 'merged'")

    first, second = forget(lived, contact_id), forget(lived, lead)

    assert first.merged_with == (lead,)
    assert len(second.merged_with) == 1
    assert contact_id not in second.merged_with
    assert found_in(lived.folder, [contact_id, lead]) == {}


def test_what_waits_to_be_loaded_is_loaded_first(lived: Lived) -> None:
    contact_id = lived.person
    lived.workspace.update(contact_id, name=f"{CANARY}-newer")
    with pytest.raises(Stop):
        lived.sync(say=stop)

    forget(lived, contact_id)

    assert found_in(lived.folder, [CANARY, contact_id]) == {}


def test_where_what_waits_cannot_be_loaded_nobody_is_forgotten_and_the_way_out_is_told(lived: Lived) -> None:
    contact_id = lived.person
    lived.workspace.update(contact_id, name=f"{CANARY}-newer")
    breaks_loading(lived.folder)

    with pytest.raises(Stuck):
        lived.sync()
    with pytest.raises(Misconfigured, match="abort-pending"):
        forget(lived, contact_id)

    with duckdb.connect(str(lived.warehouse.file)) as connection:
        assert connection.execute("select count(*) from intercom_raw.moved where id = ?", [contact_id]).fetchall() == [
            (1,)
        ]


@pytest.mark.nightly
def test_a_first_loads_shelf_is_cleared_and_read_again(make_deployment: Callable[..., Deployment]) -> None:
    deployment = large_deployment(make_deployment)
    contact_id = min(deployment.workspace.contacts)
    deployment.workspace.update(contact_id, **personal())
    with pytest.raises(Stop):
        deployment.sync(say=stop)
    assert any(part_store_of(deployment.warehouse.pipeline("intercom")).files())

    forget(deployment, contact_id)
    forgotten = found_in(deployment.folder, [CANARY, contact_id])
    unpublished = not deployment.warehouse.published.exists()
    deployment.workspace.delete(contact_id)
    deployment.workspace.advance(minutes=1)
    outcome = deployment.sync()

    assert forgotten == {}
    assert unpublished
    assert outcome.exit_code == ExitCode.DONE
    assert deployment.members() == deployment.workspace.pairs()


def test_every_text_of_every_loaded_table_is_looked_at(synced: Deployment) -> None:
    types = synced.query("select distinct data_type from duckdb_columns() where schema_name = 'intercom_raw'")
    known = {*synced.warehouse.dialect.text_types, "BIGINT", "BOOLEAN", "TIMESTAMP WITH TIME ZONE"}
    assert {kind for (kind,) in types} <= known


def die_forgetting(folder: Path, contact_id: str, death: Death) -> None:
    use_project_config()
    deployment = Deployment(folder, Workspace(contacts=0, segments=0))
    sys.addaudithook(reporting_files(str(folder), death))
    Forget(deployment.warehouse, contact_id=contact_id, say=reporting_steps(death)).run()


KILLS = {
    "before the tables are changed": Death(r"^say Removing"),
    "when the tables are changed, but not the files": Death(r"^shutil.rmtree \S+/pipelines/intercom "),
    "while models are built": Death(r"^function \S*execute_many", 5),
    "before the file is rewritten": Death(r"^say Rewriting"),
    "when the new file is written, but not in its place": Death(r"^os.rename \S+/warehouse.next "),
    "before it is published": Death(r"^say Publishing"),
    "when the copy is written, but not in its place": Death(r"^os.rename \S+/published.next "),
    "before the note of it is taken away": Death(r"^os.remove \S+/REWRITE"),
}


@pytest.mark.parametrize("point", nightly_except(KILLS, "while models are built"))
def test_a_killed_forget_is_finished_when_it_is_run_again(lived: Lived, point: str) -> None:
    before = lived.query(COUNTS), lived.query(EVENTS)

    process = PROCESSES.Process(target=die_forgetting, args=(lived.folder, lived.person, KILLS[point]))
    process.start()
    process.join()
    whole = rows_of(lived.warehouse.file)["intercom_raw.contacts"]
    forgotten = forget(lived, lived.person)

    assert process.exitcode == -signal.SIGKILL
    assert len(whole) == 300
    assert forgotten.was_interrupted
    assert found_in(lived.folder, [CANARY, lived.person]) == {}
    assert (lived.query(COUNTS), lived.query(EVENTS)) == before


def test_the_command_says_what_it_removed_and_nothing_of_the_person(terminal: Terminal) -> None:
    contact_id = min(terminal.workspace.contacts)
    terminal.workspace.update(contact_id, **personal())
    terminal.run("sync")

    ended = terminal.run("forget", contact_id)
    again = terminal.run("forget", contact_id, "--json")

    assert ended.exit_code == 0, ended.errors
    assert "1 of contacts" in ended.output
    assert "Delete the contact in Intercom" in ended.output
    assert CANARY not in ended.output + ended.errors
    assert again.exit_code == 2
    assert json.loads(again.output)["exit_code"] == 2
    assert again.is_one_paragraph
    assert found_in(terminal.folder, [CANARY, contact_id]) == {}


def test_the_commands_json_tells_rows_by_table(terminal: Terminal) -> None:
    terminal.copy_first_sync()
    contact_id = min(terminal.workspace.contacts)

    found = json.loads(terminal.run("--quiet", "forget", contact_id, "--json").output)

    assert found["rows"]["contacts"] == 1
    assert (found["exit_code"], found["was_interrupted"], found["merged_with"]) == (0, False, [])
