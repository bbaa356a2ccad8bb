"""`abort-pending`: a package that cannot be loaded is shown and dropped, and the next sync reads its rows again."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.commands import Abort, Aborted, Waiting
from pipelines.commands.abort_pending import waiting_for
from pipelines.errors import ExitCode
from pipelines.loading import delete_loads, pending_packages, set_aside
from pipelines.loading.packages import Stuck

from ...conftest import terminal
from ...soak.audit import check_keys
from ...soak.kills import POINTS, Death, NeverKilled, Site, contents, differences, sync_and_die
from ...support.deployments import Deployment
from ...support.first_loads import CutOffAfter, contacts, large_deployment, true_contacts
from ...support.terminal import Terminal

__all__ = ["terminal"]
pytestmark = pytest.mark.xdist_group("third sync")  # one warehouse, copied for each that is killed
LOGS = ("contact_activities", "contact_removals", "membership_changes", "runs", "segment_scans", "segments")
LEFT_BEHIND = {name: point for name, point in POINTS.items() if "when" in name and "published" not in name}
del LEFT_BEHIND["when all is loaded and marked so, but not put away"]  # that one has arrived


def abort(deployment: Deployment, confirm: Callable[[Waiting], bool] = lambda _: True) -> Aborted:
    return Abort(deployment.warehouse, deployment.name, confirm=confirm, clock=deployment.workspace.now).run()


def working_folder(deployment: Deployment) -> Path:
    return deployment.folder / "pipelines" / deployment.name


def of_load(deployment: Deployment, load_id: str) -> dict[str, int]:
    """Rows of a load in the raw tables and the staged ones, by table."""
    counts = dict[str, int]()
    with deployment.warehouse.pipeline(deployment.name).sql_client() as client:
        for schema in ("intercom_raw", "intercom_raw_staging"):
            for table in (*LOGS, "contacts"):
                rows = client.execute_sql(f"select count(*) from {schema}.{table} where _dlt_load_id = %s", load_id)
                counts |= {f"{schema}.{table}": rows[0][0]} if rows and rows[0][0] else {}
    return counts


def poison(folder: Path, table: str) -> None:
    (file,) = (file for file in folder.rglob(f"{table}.*.*.*") if "_jobs" in str(file.parent))
    rows = pq.read_table(file)
    position = rows.schema.get_field_index("workspace_id")
    pq.write_table(rows.set_column(position, "workspace_id", pa.nulls(len(rows), pa.string())), file)


@pytest.mark.nightly
@pytest.mark.parametrize("point", LEFT_BEHIND)
def test_what_a_killed_run_left_is_dropped_and_the_next_sync_makes_up_for_it(
    killed: Callable[[Death], Deployment], reference: NeverKilled, point: str
) -> None:
    deployment = killed(LEFT_BEHIND[point])
    (package,) = pending_packages(working_folder(deployment))

    aborted = abort(deployment)
    left = of_load(deployment, package.load_id)
    outcome = deployment.sync()

    assert aborted.is_dropped
    assert left.keys() <= {"intercom_raw.contacts"}
    assert outcome.exit_code == ExitCode.DONE
    assert differences(contents(deployment), reference.contents) == []
    check_keys(deployment)


@pytest.mark.nightly
@pytest.mark.parametrize("table", ["membership_changes", "contacts"])
def test_a_package_that_cannot_be_loaded_fails_every_sync_with_the_advice_to_drop_it(
    killed: Callable[[Death], Deployment], reference: NeverKilled, table: str
) -> None:
    deployment = killed(POINTS["when all is normalized"])
    poison(working_folder(deployment) / "load" / "normalized", table)

    for _ in range(2):
        with pytest.raises(
            Stuck, match=rf"\({table}: Constraint Error\).* intercom-warehouse abort-pending, which shows"
        ):
            deployment.sync()
    aborted = abort(deployment)
    deployment.sync()

    (package,) = aborted.waiting.packages
    assert package.failures == {table: "Constraint Error"}
    assert differences(contents(deployment), reference.contents) == []


def test_what_waits_is_told_with_its_rows_its_run_and_what_had_arrived(killed: Callable[[Death], Deployment]) -> None:
    deployment = killed(POINTS["when memberships are merged, but not marked so"])
    with deployment.warehouse.pipeline(deployment.name).sql_client() as client:
        newest = "select run_id, count(*) from intercom_raw.membership_changes group by 1 order by 1 desc limit 1"
        ((run_id, changes),) = client.execute_sql(newest) or []

    waiting = waiting_for(deployment.warehouse.pipeline(deployment.name))

    (package,) = waiting.packages
    assert package.run_ids == (run_id,)
    assert package.rows["membership_changes"] == waiting.arrived["membership_changes"] == changes > 0
    assert package.rows["segment_scans"] == len(deployment.workspace.segments)
    assert package.failures == {}


@pytest.mark.nightly
def test_the_cursor_is_where_it_was_before_the_package(synced: Deployment) -> None:
    cursor = synced.cursor()
    synced.workspace.live(days=1)
    interrupt_at_loading(synced)

    aborted = abort(synced)

    assert aborted.is_dropped
    assert synced.cursor() == cursor
    assert pending_packages(working_folder(synced)) == []


class Interrupted(Exception):
    pass


def interrupt_at_loading(deployment: Deployment) -> None:
    def interrupt(step: str) -> None:
        if step.startswith("Loading"):
            raise Interrupted

    with pytest.raises(Interrupted):
        deployment.sync(say=interrupt)


def test_whoever_declines_keeps_what_waits(synced: Deployment) -> None:
    synced.workspace.live(days=1)
    interrupt_at_loading(synced)
    before = pending_packages(working_folder(synced))

    aborted = abort(synced, confirm=lambda _: False)

    assert not aborted.is_dropped
    assert pending_packages(working_folder(synced)) == before != []


def test_where_nothing_waits_nothing_is_asked_or_changed(synced: Deployment) -> None:
    cursor = synced.cursor()

    aborted = abort(synced, confirm=lambda _: pytest.fail("asked"))

    assert (aborted.exit_code, aborted.is_dropped, aborted.waiting.is_nothing) == (ExitCode.DONE, False, True)
    assert synced.cursor() == cursor


@pytest.mark.nightly
def test_an_abort_that_is_killed_when_all_is_deleted_leaves_the_package_to_the_next_sync(
    killed: Callable[[Death], Deployment], reference: NeverKilled
) -> None:
    deployment = killed(POINTS["when memberships are merged, but not marked so"])
    (package,) = pending_packages(working_folder(deployment))
    with deployment.warehouse.held(), deployment.warehouse.pipeline(deployment.name).sql_client() as client:
        delete_loads(client, deployment.warehouse.dialect, [package.load_id])

    deployment.sync()

    assert differences(contents(deployment), reference.contents) == []


@pytest.mark.nightly
def test_an_abort_that_is_killed_when_all_is_set_aside_leaves_nothing_behind(
    killed: Callable[[Death], Deployment], reference: NeverKilled
) -> None:
    deployment = killed(POINTS["when all is normalized"])
    aside = set_aside(working_folder(deployment))

    deployment.sync()

    assert not aside.exists()
    assert differences(contents(deployment), reference.contents) == []


@pytest.mark.nightly
@pytest.mark.parametrize(
    "point", ["when contacts are staged, but not marked so", "when all is loaded, but not marked so"]
)
def test_a_first_load_goes_on_behind_its_last_loaded_part(tmp_path: Path, point: str) -> None:
    site = Site(tmp_path / "data", contacts=1_500, segments=100)
    assert sync_and_die(site, POINTS[point]) == -signal.SIGKILL
    deployment = site.deployment()
    deployment.workspace.advance(seconds=1)

    aborted = abort(deployment)
    shelf_is_empty = not list(deployment.folder.rglob("*.arrow"))
    outcome = deployment.sync()

    assert aborted.is_dropped
    assert shelf_is_empty
    assert outcome.exit_code == ExitCode.DONE
    assert deployment.members() == deployment.workspace.pairs()
    assert contacts(deployment) == true_contacts(deployment.workspace)
    check_keys(deployment)


@pytest.mark.nightly
def test_the_shelf_of_a_first_load_is_told_and_cleared(make_deployment: Callable[..., Deployment]) -> None:
    deployment = large_deployment(make_deployment)

    def interrupt(step: str) -> None:
        if step.startswith("Loading"):
            raise Interrupted

    with pytest.raises((Interrupted, ExceptionGroup)):
        deployment.sync(transport=CutOffAfter(deployment, 80), say=interrupt)

    aborted = abort(deployment)
    deployment.workspace.advance(seconds=30)
    deployment.sync()

    assert aborted.waiting.shelved_parts > 0
    assert aborted.waiting.shelved_rows > 0
    assert deployment.members() == deployment.workspace.pairs()


@pytest.mark.nightly
def test_the_command_line_shows_asks_drops_and_tells(terminal: Terminal) -> None:
    terminal.copy_first_sync()
    deployment = Deployment(terminal.folder, terminal.workspace)
    deployment.settings.access_token = terminal.workspace.token
    terminal.workspace.live(days=1)
    interrupt_at_loading(deployment)
    poison(working_folder(deployment) / "normalize" / "extracted", "membership_changes")

    stuck = terminal.run("--quiet", "sync")
    asked = terminal.run("abort-pending")
    dropped = json.loads(terminal.run("abort-pending", "--yes", "--json").output)
    synced = terminal.run("sync")
    nothing: Any = terminal.run("abort-pending")

    assert stuck.exit_code == 1
    assert stuck.is_one_paragraph, stuck.errors
    assert "intercom-warehouse abort-pending, which shows" in " ".join(stuck.errors.split())
    assert asked.exit_code == 2
    assert "--yes" in asked.errors
    assert "membership_changes 1" in asked.output
    assert dropped["is_dropped"]
    assert synced.exit_code == 0, synced.errors
    assert deployment.members() == terminal.workspace.pairs()
    assert (nothing.exit_code, nothing.output.split()) == (0, ["pending", "no", "packages"])
