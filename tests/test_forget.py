"""A person who is forgotten is in no file below the data folder, and every count is as it was."""

import json
import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.errors import ExitCode, Misconfigured
from pipelines.forget import Forget, Forgotten
from pipelines.mentions import TEXT_TYPES
from pipelines.packages import Stuck
from pipelines.settings import use_project_config
from pipelines.sync import shelf_of
from sandbox import Workspace
from sandbox.rules import Tagged
from tests.soak.audit import check_keys
from tests.soak.kills import PROCESSES, Death, telling_of_files, telling_of_steps

from .conftest import House
from .rummage import CANARY, found_in, personal, rows_of
from .test_cli import Terminal, terminal  # noqa: F401  # a fixture
from .test_first_load import large_house
from .test_privacy import Stop, breaks_loading, stop

COUNTS = "select * from intercom.segment_daily order by all"
EVENTS = (
    "select segment_id, event, occurred_at, reason, spell_number from intercom.segment_membership_events order by all"
)
SHAPE = re.compile(r"[0-9a-f]{24}")


def known_person(house: House, contact_id: str) -> None:
    """Fills every field of a contact, and has others speak of it."""
    house.workspace.update(contact_id, **personal())
    other = max(house.workspace.contacts)
    house.workspace.update(other, custom_attributes={"referred_by": f"see {contact_id}"})


def a_life(house: House) -> str:
    """Three days, of which a user is told everything, is in segments, and takes a lead over. Answers the user's id."""
    users = sorted(key for key, one in house.workspace.contacts.items() if one.value("role") == "user")
    leads = sorted(key for key, one in house.workspace.contacts.items() if one.value("role") == "lead")
    house.workspace.make_segment("Crowd", Tagged("crowd"))
    for contact_id in users[:40]:
        house.workspace.tag(contact_id, "crowd")
    known_person(house, users[0])
    house.sync()
    house.workspace.advance(days=1)
    house.workspace.merge(leads[0], users[0])
    house.workspace.untag(users[0], "crowd")
    house.sync()
    house.workspace.advance(days=1)
    house.workspace.tag(users[0], "crowd")
    house.sync()
    return users[0]


def forget(house: House, contact_id: str, **options: Any) -> Forgotten:
    return Forget(house.warehouse, contact_id, house.name, clock=house.workspace.now, **options).run()


@pytest.mark.parametrize("publish_raw", [True, False])
def test_a_forgotten_person_is_in_no_file_and_all_counts_are_as_they_were(house: House, publish_raw: bool) -> None:
    house.warehouse.publish_raw = publish_raw
    contact_id = a_life(house)
    before = house.query(COUNTS), house.query(EVENTS)

    forgotten = forget(house, contact_id)

    assert found_in(house.folder, [CANARY, contact_id]) == {}
    assert (house.query(COUNTS), house.query(EVENTS)) == before
    assert forgotten.rows["contacts"] == 2  # its own, and the one that speaks of it
    assert forgotten.rows["membership_changes"] >= 3
    assert {path.stat().st_mode & 0o077 for path in house.folder.rglob("*")} == {0}
    if publish_raw:
        check_keys(house)


def test_the_row_stays_under_a_random_id_and_all_that_named_it_goes_by_that(house: House) -> None:
    contact_id = a_life(house)
    house.workspace.live(days=1)
    house.sync()
    before = rows_of(house.warehouse.file)

    forget(house, contact_id)

    after = rows_of(house.warehouse.file)
    ((substitute,),) = house.query("select id from intercom_raw.contacts where role is null")
    assert SHAPE.fullmatch(substitute)
    (row,) = (row for row in after["intercom_raw.contacts"] if substitute in row)
    assert {value for value in row if value is not None} - {row[-1]} == {"sandbox", substitute}
    for table in ("membership_changes", "contact_removals", "segment_scans", "segments", "runs"):
        renamed = [
            tuple(substitute if value == contact_id else value for value in row)
            for row in before[f"intercom_raw.{table}"]
        ]
        assert sorted(after[f"intercom_raw.{table}"], key=repr) == sorted(renamed, key=repr)
    assert house.query("select merged_into_contact_id from intercom_raw.contact_removals where status = 'merged'") == [
        (substitute,)
    ]
    assert house.query(
        "select distinct external_id from intercom_raw.contact_activities where contact_id = ?", substitute
    ) == [(None,)]


def test_a_file_written_anew_holds_nothing_of_what_was_deleted_as_the_old_one_does(house: House) -> None:
    house.sync()
    rows = "select concat('deleted-canary-', range) as word from range(100000)"
    with duckdb.connect(str(house.warehouse.file)) as connection:
        for name in ("deleted", "kept"):
            connection.execute(f"set force_compression = 'uncompressed'; create table {name} as {rows}; checkpoint")
            rows = rows.replace("deleted", "kept")
        connection.execute("drop table deleted; checkpoint")
    before = house.warehouse.file.read_bytes()

    with house.warehouse.held():
        house.warehouse.rewrite([])

    assert b"deleted-canary-" in before
    assert b"deleted-canary-" not in house.warehouse.file.read_bytes()
    assert len(rows_of(house.warehouse.file)["main.kept"]) == 100_000


@pytest.mark.parametrize("version", ["Preview", "2.14"])
@pytest.mark.parametrize("is_deleted", [True, False])
def test_the_next_sync_finds_the_forgotten_contact_gone_and_no_count_is_wrong(
    house: House, version: str, is_deleted: bool
) -> None:
    house.settings.api_version = version
    contact_id = a_life(house)
    past_days = house.query(COUNTS)
    forget(house, contact_id)

    if is_deleted:
        house.workspace.delete(contact_id)
    house.workspace.advance(days=1)
    outcome = house.sync()
    again = house.sync(full=True)

    assert (outcome.exit_code, outcome.warnings, again.warnings) == (ExitCode.DONE, (), ())
    assert house.members() == house.workspace.pairs()
    assert house.query(
        f"select * from ({COUNTS}) where observed_on < ? order by all", house.workspace.now().date()
    ) == [day for day in past_days if day[1] < house.workspace.now().date()]
    ended = house.query(
        "select distinct leave_reason from intercom.segment_memberships join intercom.contacts using (contact_id) "
        "where contacts.role is null and left_on = ?",
        house.workspace.now().date(),
    )
    assert ended == [("contact_deleted",)]
    assert (
        house.query("select member_count - reported_count from intercom.segments where not is_deleted").count((0,))
        == 11
    )
    assert (house.query("select 1 from intercom.contacts where contact_id = ?", contact_id) == []) == is_deleted


def test_who_is_forgotten_is_unknown_from_then_on_and_nobody_learns_the_id(house: House) -> None:
    contact_id = a_life(house)
    forget(house, contact_id)

    with pytest.raises(Misconfigured, match="no contact of that id"):
        forget(house, contact_id)

    assert found_in(house.folder, [contact_id]) == {}
    assert [json.loads(line)["command"] for line in house.warehouse.journal.read_text().splitlines()][-2:] == [
        "forget",
        "forget",
    ]


def test_nobody_is_forgotten_for_an_id_that_is_none(house: House) -> None:
    a_life(house)
    before = rows_of(house.warehouse.file)

    for unknown in ("", "%", "0", min(house.workspace.segments), "sandbox"):
        with pytest.raises(Misconfigured, match="nothing was changed"):
            forget(house, unknown)

    assert rows_of(house.warehouse.file) == before


def test_before_anything_was_synced_there_is_nobody_to_forget(house: House) -> None:
    with pytest.raises(Misconfigured, match="no warehouse"):
        forget(house, "0" * 24)


def test_an_id_in_the_words_of_a_failed_check_is_replaced_in_the_journal_and_its_table(house: House) -> None:
    contact_id = a_life(house)
    problem = f"every_row_is_there_once (rows: 1; one of them: contact_id={contact_id}). Mend it."
    lines = house.warehouse.journal.read_text().splitlines()
    told = json.dumps(json.loads(lines[-1]) | {"problem": problem})
    house.warehouse.journal.write_text("\n".join([*lines[:-1], told]) + "\n")
    house.sync()  # loads what the journal says

    forget(house, contact_id)

    assert found_in(house.folder, [contact_id]) == {}
    assert "contact_id=" in house.warehouse.journal.read_text()
    assert house.query("select count(*) from intercom_raw.runs where problem like '%contact_id=%'") == [(1,)]


def test_whom_a_run_asked_about_last_is_replaced_in_dlts_state(house: House) -> None:
    house.workspace.refuses.add("segment_id")
    house.settings.sweep_budget = 20
    house.sync()
    house.workspace.advance(hours=1)
    house.sync()
    state: Any = house.warehouse.pipeline("intercom").state
    last = state["sources"]["intercom"]["asked_until"]
    assert found_in(house.folder / "pipelines", [last])

    forget(house, last)

    assert found_in(house.folder, [last]) == {}
    state = house.warehouse.pipeline("intercom").state
    assert SHAPE.fullmatch(state["sources"]["intercom"]["asked_until"])
    house.workspace.delete(last)
    house.workspace.advance(hours=1)
    assert house.sync(full=True).exit_code == ExitCode.DONE
    assert house.members() == house.workspace.pairs()


def test_the_cursor_stays_where_it_was(house: House) -> None:
    contact_id = a_life(house)
    before = house.cursor()

    forget(house, contact_id)

    assert house.cursor() == before


def test_two_workspaces_with_equal_ids_are_not_mistaken_for_one_another(new_house: Callable[..., House]) -> None:
    one, two = new_house("one", workspace_id="one"), new_house("two", workspace_id="two")
    for house in (one, two):
        house.sync()
    contact_id = min(one.workspace.contacts)
    assert contact_id in two.workspace.contacts

    forget(one, contact_id)

    assert two.members() == two.workspace.pairs()
    ids = two.query("select workspace_id from intercom.contacts where contact_id = ?", contact_id)
    assert ids == [("two",)]


def test_who_was_merged_with_the_person_is_told(house: House) -> None:
    contact_id = a_life(house)
    ((lead,),) = house.query("select contact_id from intercom_raw.contact_removals where status = 'merged'")

    first, second = forget(house, contact_id), forget(house, lead)

    assert first.merged_with == (lead,)
    assert len(second.merged_with) == 1
    assert contact_id not in second.merged_with
    assert found_in(house.folder, [contact_id, lead]) == {}


def test_what_waits_to_be_loaded_is_loaded_first(house: House) -> None:
    contact_id = a_life(house)
    house.workspace.update(contact_id, name=f"{CANARY}-newer")
    with pytest.raises(Stop):
        house.sync(say=stop)

    forget(house, contact_id)

    assert found_in(house.folder, [CANARY, contact_id]) == {}


def test_where_what_waits_cannot_be_loaded_nobody_is_forgotten_and_the_way_out_is_told(house: House) -> None:
    contact_id = a_life(house)
    breaks_loading(house.folder)

    with pytest.raises(Stuck):
        house.sync()
    with pytest.raises(Misconfigured, match="abort-pending"):
        forget(house, contact_id)

    with duckdb.connect(str(house.warehouse.file)) as connection:
        assert connection.execute("select count(*) from intercom_raw.moved where id = ?", [contact_id]).fetchall() == [
            (1,)
        ]


def test_a_first_loads_shelf_is_cleared_and_read_again(new_house: Callable[..., House]) -> None:
    house = large_house(new_house)
    contact_id = min(house.workspace.contacts)
    house.workspace.update(contact_id, **personal())
    with pytest.raises(Stop):
        house.sync(say=stop)
    assert any(shelf_of(house.warehouse.pipeline("intercom")).files())

    forget(house, contact_id)
    forgotten = found_in(house.folder, [CANARY, contact_id])
    unpublished = not house.warehouse.published.exists()
    house.workspace.delete(contact_id)
    house.workspace.advance(minutes=1)
    outcome = house.sync()

    assert forgotten == {}
    assert unpublished
    assert outcome.exit_code == ExitCode.DONE
    assert house.members() == house.workspace.pairs()


def test_every_text_of_every_loaded_table_is_looked_at(house: House) -> None:
    house.sync()

    types = house.query("select distinct data_type from duckdb_columns() where schema_name = 'intercom_raw'")
    known = {*TEXT_TYPES, "BIGINT", "BOOLEAN", "TIMESTAMP WITH TIME ZONE"}
    assert {kind for (kind,) in types} <= known


def die_forgetting(folder: Path, contact_id: str, death: Death) -> None:
    use_project_config()
    house = House(folder, Workspace(contacts=0, segments=0))
    sys.addaudithook(telling_of_files(str(folder), death))
    Forget(house.warehouse, contact_id, say=telling_of_steps(death)).run()


KILLS = {
    "before the tables are changed": Death(r"^say Removing"),
    "when the tables are changed, but not the files": Death(r"^shutil.rmtree \S+/pipelines/intercom "),
    "while models are built": Death(r"^function \S*execute_many", 5),
    "before the file is written anew": Death(r"^say Writing"),
    "when the new file is written, but not in its place": Death(r"^os.rename \S+/warehouse.next "),
    "before it is published": Death(r"^say Publishing"),
    "when the copy is written, but not in its place": Death(r"^os.rename \S+/published.next "),
    "before the note of it is taken away": Death(r"^os.remove \S+/REWRITE"),
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, _project_config: None) -> tuple[Path, str]:
    """A warehouse, and somebody in it."""
    house = House(
        tmp_path_factory.mktemp("lived") / "data", Workspace(contacts=300, segments=10, token="sandbox-token")
    )
    return house.folder, a_life(house)


@pytest.mark.xdist_group("forget kills")
@pytest.mark.parametrize("point", KILLS)
def test_a_killed_forget_is_finished_when_it_is_run_again(tmp_path: Path, lived: tuple[Path, str], point: str) -> None:
    folder, contact_id = tmp_path / "data", lived[1]
    shutil.copytree(lived[0], folder)
    house = House(folder, Workspace(contacts=0, segments=0))
    before = house.query(COUNTS), house.query(EVENTS)

    process = PROCESSES.Process(target=die_forgetting, args=(folder, contact_id, KILLS[point]))
    process.start()
    process.join()
    whole = rows_of(house.warehouse.file)["intercom_raw.contacts"]
    forgotten = forget(house, contact_id)

    assert process.exitcode == -signal.SIGKILL
    assert len(whole) == 300
    assert forgotten.was_interrupted
    assert found_in(folder, [CANARY, contact_id]) == {}
    assert (house.query(COUNTS), house.query(EVENTS)) == before


def test_the_command_says_what_it_removed_and_nothing_of_the_person(terminal: Terminal) -> None:  # noqa: F811
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


def test_the_commands_json_tells_rows_by_table(terminal: Terminal) -> None:  # noqa: F811
    terminal.run("sync")
    contact_id = min(terminal.workspace.contacts)

    found = json.loads(terminal.run("--quiet", "forget", contact_id, "--json").output)

    assert found["rows"]["contacts"] == 1
    assert (found["exit_code"], found["was_interrupted"], found["merged_with"]) == (0, False, [])
