"""`repair` removes what runs have loaded and rows that are there twice, and the next sync is true again."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from pipelines.commands.repair import Repair, Repaired
from pipelines.commands.status import StatusQuery
from pipelines.errors import ExitCode, Misconfigured
from pipelines.settings import ROOT
from sources.intercom.api import SetupError

from ...releases.life import day_of_the_upgrade, pass_a_day
from ...support.deployments import Deployment
from ...support.first_loads import contacts, true_contacts
from ...support.nightly import nightly_except
from ...test_upgrade import unpacked


def repair(deployment: Deployment, **options: Any) -> Repaired:
    return Repair(deployment.warehouse, deployment.name, clock=deployment.workspace.now, **options).run()


def run_ids(deployment: Deployment) -> list[str]:
    rows = deployment.query("select distinct run_id from intercom_raw.segment_scans order by 1")
    return [run_id for (run_id,) in rows]


def loaded(deployment: Deployment, statement: str) -> None:
    with duckdb.connect(str(deployment.warehouse.file)) as connection:
        connection.execute(statement)


def test_a_healthy_log_is_left_as_it_is(synced: Deployment) -> None:
    repaired = repair(synced)

    assert repaired.is_nothing
    assert synced.sync().exit_code == ExitCode.DONE
    assert synced.members() == synced.workspace.pairs()


@pytest.mark.parametrize("position", nightly_except([0, 1, 2, 3], 1))
def test_without_one_run_the_next_sync_equals_the_workspace(synced: Deployment, position: int) -> None:
    for _ in range(3):
        synced.workspace.live(days=1)
        synced.sync()
    removed = run_ids(synced)[position]

    repaired = repair(synced, run_id=removed)
    kept = run_ids(synced)
    synced.sync()

    assert [run.run_id for run in repaired.runs] == [removed]
    assert removed not in kept
    assert len(kept) == 3
    assert synced.members() == synced.workspace.pairs()


@pytest.mark.nightly
def test_runs_with_a_clock_ahead_are_removed_and_the_next_sync_equals_the_workspace(synced: Deployment) -> None:
    before = synced.ended(), synced.cursor()
    wrong = _sync_with_a_clock_ahead(synced, timedelta(days=365))
    synced.workspace.live(days=1)
    with pytest.raises(SetupError, match=r"intercom-warehouse repair --after 2026-"):
        synced.sync()

    stale = StatusQuery(synced.warehouse, synced.workspace.now(), timedelta(hours=26)).answer()
    shown = repair(synced, after=synced.workspace.now(), is_dry_run=True)
    repaired = repair(synced, after=synced.workspace.now())
    after = synced.ended(), synced.cursor()
    outcome = synced.sync()

    assert [run.run_id for run in shown.runs] == [run.run_id for run in repaired.runs] == [wrong]
    assert after == before
    assert stale.exit_code == ExitCode.INCOMPLETE
    assert stale.workspaces[0].observed_in_future_at is not None
    fresh = StatusQuery(synced.warehouse, synced.workspace.now(), timedelta(hours=26)).answer()
    assert fresh.exit_code == ExitCode.DONE
    assert fresh.workspaces[0].observed_in_future_at is None
    assert outcome.exit_code == ExitCode.DONE
    assert synced.members() == synced.workspace.pairs()
    assert synced.query("select max(observed_on) <= current_date from intercom.segment_daily") == [(True,)]
    assert wrong not in {run_id for (run_id,) in synced.query("select run_id from intercom.sync_runs")}


def _sync_with_a_clock_ahead(deployment: Deployment, ahead: timedelta) -> str:
    """A run of a release that did not ask Intercom for the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.runs.job.check_host_clock", lambda *_: None)
        return deployment.sync(clock=lambda: deployment.workspace.now() + ahead).run_id


def test_a_clock_that_is_not_intercoms_stops_a_run_before_it_writes(synced: Deployment) -> None:
    files = _contents(synced)

    for ahead in (timedelta(days=365), timedelta(minutes=6), -timedelta(minutes=6)):
        with pytest.raises(SetupError, match=r"clock says .* Intercom's says"):
            synced.sync(clock=lambda ahead=ahead: synced.workspace.now() + ahead)

    assert _contents(synced) == files
    assert synced.sync(clock=lambda: synced.workspace.now() + timedelta(minutes=4)).exit_code == ExitCode.DONE


def _contents(deployment: Deployment) -> tuple[bytes, bytes]:
    return deployment.warehouse.file.read_bytes(), deployment.warehouse.published.read_bytes()


DOUBLED = {
    "changes": "insert into intercom_raw.membership_changes select * from intercom_raw.membership_changes",
    "later changes": """
        insert into intercom_raw.membership_changes
        select * replace (observed_at + interval 1 second as observed_at) from intercom_raw.membership_changes
    """,
    "runs": "insert into intercom_raw.runs select * from intercom_raw.runs",
    "contacts": "insert into intercom_raw.contacts select * from intercom_raw.contacts",
    "scans": "insert into intercom_raw.segment_scans select * from intercom_raw.segment_scans",
    "segments": "insert into intercom_raw.segments select * from intercom_raw.segments",
}


REPEATED = "joins_and_leaves_of_a_contact_alternate"
DOUBLED_KEY = "no_loaded_row_is_there_twice"


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("kinds", "checks"),
    [
        (["changes", "runs"], {REPEATED, DOUBLED_KEY}),
        (["later changes"], {REPEATED}),
        (["contacts", "scans", "segments"], {DOUBLED_KEY}),
    ],
)
def test_doubled_rows_stop_no_sync_and_are_named_and_removed(
    synced: Deployment, kinds: list[str], checks: set[str]
) -> None:
    synced.workspace.live(days=1)
    synced.sync()
    for kind in kinds:
        loaded(synced, DOUBLED[kind])
    synced.workspace.live(days=1)

    outcome = synced.sync()
    repaired = repair(synced)
    again = repair(synced)

    assert outcome.exit_code == ExitCode.DONE
    assert {warning.partition(" ")[0] for warning in outcome.warnings} == checks
    assert len(repaired.doubled) >= len(kinds)
    assert again.is_nothing
    assert repaired.warnings == ()
    assert synced.members() == synced.workspace.pairs()
    assert synced.sync().warnings == ()


@pytest.mark.nightly
def test_a_run_that_is_unknown_is_told_and_nothing_changes(synced: Deployment) -> None:
    files = _contents(synced)

    with pytest.raises(Misconfigured, match="No run 20990101"):
        repair(synced, run_id="20990101T000000-abcdef")

    assert _contents(synced) == files


@pytest.fixture
def broken(tmp_path: Path) -> Deployment:
    """A warehouse that release 0.1.0 could not build any more, after Intercom had sent each segment twice, once."""
    archive = ROOT / "tests" / "releases" / "broken" / "0.1.0-doubled-segments.tar.gz"
    deployment = unpacked(archive, tmp_path)
    pass_a_day(deployment.workspace, day_of_the_upgrade)
    return deployment


@pytest.mark.nightly
def test_a_list_that_named_each_segment_twice_stops_no_sync_and_repair_removes_its_traces(broken: Deployment) -> None:
    outcome = broken.sync()
    repaired = repair(broken)
    again = broken.sync()

    assert outcome.exit_code == again.exit_code == ExitCode.DONE
    assert {warning.partition(" ")[0] for warning in outcome.warnings} == {
        "joins_and_leaves_of_a_contact_alternate",
        "no_loaded_row_is_there_twice",
    }
    assert repaired.doubled.keys() == {"membership_changes", "segment_scans", "segments"}
    assert again.warnings == ()
    assert broken.members() == broken.workspace.pairs()


@pytest.mark.nightly
def test_the_run_that_broke_a_warehouse_can_be_removed(broken: Deployment) -> None:
    with duckdb.connect(str(broken.warehouse.file), read_only=True) as connection:
        query = "select distinct run_id from intercom_raw.segment_scans order by 1"
        run_id = connection.execute(query).fetchall()[2][0]

    repaired = repair(broken, run_id=run_id)
    outcome = broken.sync()

    assert [run.run_id for run in repaired.runs] == [run_id]
    assert outcome.warnings == ()
    assert broken.members() == broken.workspace.pairs()


@pytest.mark.nightly
def test_what_dlts_development_mode_has_loaded_elsewhere_is_removed(
    synced: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced.workspace.live(days=1)
    with monkeypatch.context() as patch:
        patch.setattr("dlt.pipeline", partial(dlt.pipeline, dev_mode=True))
        wrong = synced.sync(accept_loss=True).run_id
    synced.workspace.live(days=1)

    outcome = synced.sync()
    repaired = repair(synced, run_id=wrong)
    again = synced.sync()

    assert outcome.exit_code == again.exit_code == ExitCode.DONE
    assert [schema.startswith("intercom_raw_2") for schema in repaired.schemas] != []
    assert repair(synced).is_nothing
    assert synced.members() == synced.workspace.pairs()
    assert contacts(synced) == true_contacts(synced.workspace)
