"""`abort-pending`: what cannot be loaded is shown, told of and dropped, and the next sync makes up for it."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.abort import Abort, Aborted, Waiting, delete_arrived, waiting_for
from pipelines.errors import ExitCode
from pipelines.packages import Stuck, pending_packages
from pipelines.pending import set_aside
from tests.soak.audit import check_keys
from tests.soak.kills import POINTS, Death, NeverKilled, Site, contents, differences, never_killed, sync_and_die

from .conftest import House
from .test_cli import Terminal, terminal
from .test_first_load import CutOffAfter, contacts, large_house, true_contacts

__all__ = ["terminal"]
pytestmark = pytest.mark.xdist_group("abort")  # one warehouse, copied for each that is killed
LOGS = ("contact_activities", "contact_removals", "membership_changes", "runs", "segment_scans", "segments")
AGE = 2
LEFT_BEHIND = {name: point for name, point in POINTS.items() if "when" in name and "published" not in name}
del LEFT_BEHIND["when all is loaded and marked so, but not put away"]  # that one has arrived


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> NeverKilled:
    return never_killed(tmp_path_factory.mktemp("never-killed"), AGE)


@pytest.fixture
def killed(reference: NeverKilled, tmp_path: Path) -> Callable[[Death], House]:
    """Kills the third sync of a warehouse at some point."""

    def kill(death: Death) -> House:
        site = Site(tmp_path / "data", AGE)
        shutil.copytree(reference.before, site.folder)
        assert sync_and_die(site, death) == -signal.SIGKILL
        house = site.house()
        house.workspace.advance(seconds=1)
        return house

    return kill


def abort(house: House, confirm: Callable[[Waiting], bool] = lambda _: True) -> Aborted:
    return Abort(house.warehouse, confirm, house.name, clock=house.workspace.now).run()


def working_folder(house: House) -> Path:
    return house.folder / "pipelines" / house.name


def of_load(house: House, load_id: str) -> dict[str, int]:
    """Rows of a load in the raw tables and the staged ones, by table."""
    counts = dict[str, int]()
    with house.warehouse.pipeline(house.name).sql_client() as client:
        for schema in ("intercom_raw", "intercom_raw_staging"):
            for table in (*LOGS, "contacts"):
                rows = client.execute_sql(f"select count(*) from {schema}.{table} where _dlt_load_id = %s", load_id)
                counts |= {f"{schema}.{table}": rows[0][0]} if rows and rows[0][0] else {}
    return counts


def poison(folder: Path, table: str) -> None:
    (file,) = (file for file in folder.rglob(f"{table}.*.*.*") if "_jobs" in str(file.parent))
    file.write_bytes(b"PAR1, but garbage" * 9)


@pytest.mark.parametrize("point", LEFT_BEHIND)
def test_what_a_killed_run_left_is_dropped_and_the_next_sync_makes_up_for_it(
    killed: Callable[[Death], House], reference: NeverKilled, point: str
) -> None:
    house = killed(LEFT_BEHIND[point])
    (package,) = pending_packages(working_folder(house))

    aborted = abort(house)
    left = of_load(house, package.load_id)
    outcome = house.sync()

    assert aborted.is_dropped
    assert left.keys() <= {"intercom_raw.contacts"}
    assert outcome.exit_code == ExitCode.DONE
    assert differences(contents(house), reference.contents) == []
    check_keys(house)


@pytest.mark.parametrize("table", ["membership_changes", "contacts"])
def test_a_package_that_cannot_be_loaded_fails_every_sync_with_the_advice_to_drop_it(
    killed: Callable[[Death], House], reference: NeverKilled, table: str
) -> None:
    house = killed(POINTS["when all is normalized"])
    poison(working_folder(house) / "load" / "normalized", table)

    for _ in range(2):
        with pytest.raises(
            Stuck, match=rf"\({table}: Invalid Input Error\).* `intercom-warehouse abort-pending` shows"
        ):
            house.sync()
    aborted = abort(house)
    house.sync()

    (package,) = aborted.waiting.packages
    assert package.failures == {table: "Invalid Input Error"}
    assert package.rows[table] is None
    assert differences(contents(house), reference.contents) == []


def test_what_waits_is_told_with_its_rows_its_run_and_what_had_arrived(killed: Callable[[Death], House]) -> None:
    house = killed(POINTS["when memberships are merged, but not marked so"])
    with house.warehouse.pipeline(house.name).sql_client() as client:
        newest = "select run_id, count(*) from intercom_raw.membership_changes group by 1 order by 1 desc limit 1"
        ((run_id, changes),) = client.execute_sql(newest) or []

    waiting = waiting_for(house.warehouse.pipeline(house.name))

    (package,) = waiting.packages
    assert package.run_ids == (run_id,)
    assert package.rows["membership_changes"] == waiting.arrived["membership_changes"] == changes > 0
    assert package.rows["segment_scans"] == len(house.workspace.segments)
    assert package.failures == {}


def test_the_cursor_is_where_it_was_before_the_package(synced: House) -> None:
    cursor = synced.cursor()
    synced.workspace.live(days=1)
    interrupt_at_loading(synced)

    aborted = abort(synced)

    assert aborted.is_dropped
    assert synced.cursor() == cursor
    assert pending_packages(working_folder(synced)) == []


class Interrupted(Exception):
    pass


def interrupt_at_loading(house: House) -> None:
    def interrupt(step: str) -> None:
        if step.startswith("Loading"):
            raise Interrupted

    with pytest.raises(Interrupted):
        house.sync(say=interrupt)


def test_whoever_declines_keeps_what_waits(synced: House) -> None:
    synced.workspace.live(days=1)
    interrupt_at_loading(synced)
    before = pending_packages(working_folder(synced))

    aborted = abort(synced, confirm=lambda _: False)

    assert not aborted.is_dropped
    assert pending_packages(working_folder(synced)) == before != []


def test_where_nothing_waits_nothing_is_asked_or_changed(synced: House) -> None:
    cursor = synced.cursor()

    aborted = abort(synced, confirm=lambda _: pytest.fail("asked"))

    assert (aborted.exit_code, aborted.is_dropped, aborted.waiting.is_nothing) == (ExitCode.DONE, False, True)
    assert synced.cursor() == cursor


def test_an_abort_that_is_killed_when_all_is_deleted_leaves_the_package_to_the_next_sync(
    killed: Callable[[Death], House], reference: NeverKilled
) -> None:
    house = killed(POINTS["when memberships are merged, but not marked so"])
    (package,) = pending_packages(working_folder(house))
    with house.warehouse.held(), house.warehouse.pipeline(house.name).sql_client() as client:
        delete_arrived(client, [package.load_id])

    house.sync()

    assert differences(contents(house), reference.contents) == []


def test_an_abort_that_is_killed_when_all_is_set_aside_leaves_nothing_behind(
    killed: Callable[[Death], House], reference: NeverKilled
) -> None:
    house = killed(POINTS["when all is normalized"])
    aside = set_aside(working_folder(house))

    house.sync()

    assert not aside.exists()
    assert differences(contents(house), reference.contents) == []


@pytest.mark.parametrize(
    "point", ["when contacts are staged, but not marked so", "when all is loaded, but not marked so"]
)
def test_a_first_load_goes_on_behind_its_last_loaded_part(tmp_path: Path, point: str) -> None:
    site = Site(tmp_path / "data", contacts=1_500, segments=100)
    assert sync_and_die(site, POINTS[point]) == -signal.SIGKILL
    house = site.house()
    house.workspace.advance(seconds=1)

    aborted = abort(house)
    shelf_is_empty = not list(house.folder.rglob("*.arrow"))
    outcome = house.sync()

    assert aborted.is_dropped
    assert shelf_is_empty
    assert outcome.exit_code == ExitCode.DONE
    assert house.members() == house.workspace.pairs()
    assert contacts(house) == true_contacts(house.workspace)
    check_keys(house)


def test_the_shelf_of_a_first_load_is_told_and_cleared(new_house: Callable[..., House]) -> None:
    house = large_house(new_house)

    def interrupt(step: str) -> None:
        if step.startswith("Loading"):
            raise Interrupted

    with pytest.raises((Interrupted, ExceptionGroup)):
        house.sync(transport=CutOffAfter(house, 80), say=interrupt)

    aborted = abort(house)
    house.workspace.advance(seconds=30)
    house.sync()

    assert aborted.waiting.shelved_parts > 0
    assert aborted.waiting.shelved_rows > 0
    assert house.members() == house.workspace.pairs()


def test_the_command_line_shows_asks_drops_and_tells(terminal: Terminal) -> None:
    terminal.run("sync")
    house = House(terminal.folder, terminal.workspace)
    house.settings.access_token = terminal.workspace.token
    terminal.workspace.live(days=1)
    interrupt_at_loading(house)
    poison(working_folder(house) / "normalize" / "extracted", "membership_changes")

    stuck = terminal.run("--quiet", "sync")
    asked = terminal.run("abort-pending")
    dropped = json.loads(terminal.run("abort-pending", "--yes", "--json").output)
    synced = terminal.run("sync")
    nothing: Any = terminal.run("abort-pending")

    assert stuck.exit_code == 1
    assert stuck.is_one_paragraph, stuck.errors
    assert "`intercom-warehouse abort-pending` shows" in " ".join(stuck.errors.split())
    assert asked.exit_code == 2
    assert "--yes" in asked.errors
    assert "membership_changes cannot be read" in asked.output
    assert dropped["is_dropped"]
    assert dropped["waiting"]["packages"][0]["rows"]["membership_changes"] is None
    assert synced.exit_code == 0, synced.errors
    assert house.members() == terminal.workspace.pairs()
    assert (nothing.exit_code, nothing.output.split()) == (0, ["pending", "nothing", "waits", "to", "be", "loaded"])
