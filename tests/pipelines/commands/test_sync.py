"""Promises of a sync: what the warehouse holds afterwards, compared with the sandbox's truth."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from math import ceil
from typing import Any

import httpx
import pytest

from pipelines.errors import ExitCode, ModelsFailed
from pipelines.loading.recovery import KEPT_NOTES
from pipelines.runs import build_models
from sandbox.segments.rules import Tagged
from sandbox.world import Workspace
from sources.intercom.api import SetupError, Unavailable
from sources.intercom.tables import NESTED_CONTACT_FIELDS

from ...support.deployments import Deployment
from ...support.interference import Meddling
from ...support.nightly import nightly, nightly_except

MARTS = (
    "contacts",
    "segments",
    "segment_versions",
    "segment_memberships",
    "current_segment_members",
    "segment_membership_events",
    "segment_membership_snapshots",
    "segment_daily",
)
SCAN_TIMES = {"segments": "last_complete_scan_at", "segment_membership_snapshots": "observed_at"}


@pytest.mark.parametrize("contacts", nightly([500, 3_300], 3_300))
def test_a_first_sync_equals_the_workspace(make_deployment: Callable[..., Deployment], contacts: int) -> None:
    """A table that is read holds 3,000 contacts at most."""
    deployment = make_deployment(contacts=contacts, segments=25)

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert deployment.members() == deployment.workspace.pairs()
    assert deployment.query(
        "select contact_id, name, epoch(updated_at)::bigint from intercom.contacts order by all"
    ) == sorted(
        (key, contact.attributes["name"], contact.attributes["updated_at"])
        for key, contact in deployment.workspace.contacts.items()
    )
    assert deployment.query(
        "select segment_id, name, member_count, reported_count from intercom.segments order by 1"
    ) == sorted(
        (key, segment.name, size := len(deployment.workspace.members(key)), size)
        for key, segment in deployment.workspace.segments.items()
    )


def test_every_field_of_every_contact_arrives(synced: Deployment) -> None:
    columns = [name for name, *_ in synced.query("describe intercom_raw.contacts")]
    rows = [dict(zip(columns, row, strict=True)) for row in synced.query("select * from intercom_raw.contacts")]
    sent = {key: json.loads(contact.json) for key, contact in synced.workspace.contacts.items()}
    assert {row["id"]: as_sent(row) for row in rows} == {key: without_nulls(one) for key, one in sent.items()}


def as_sent(row: dict[str, Any]) -> dict[str, Any]:
    """A raw row as Intercom sent it, but for nulls."""
    nested = {name: json.loads(row[name]) for name in NESTED_CONTACT_FIELDS if row[name] is not None}
    undocumented = json.loads(row["_extra"] or "{}")
    ours = ("_extra", "_dlt_load_id")
    return without_nulls({k: v for k, v in row.items() if k not in ours} | nested | undocumented | {"type": "contact"})


def without_nulls(contact: dict[str, Any]) -> dict[str, Any]:
    """Without null fields, and with the owner as text: Intercom's versions disagree about its type."""
    present = {name: value for name, value in contact.items() if value is not None}
    return present | ({"owner_id": str(present["owner_id"])} if "owner_id" in present else {})


@pytest.mark.nightly
def test_a_first_sync_needs_a_search_for_every_150_contacts_and_members(
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment = make_deployment(contacts=2000, segments=25)
    workspace = deployment.workspace
    pages = ceil(2000 / 150) + sum(max(1, ceil(len(workspace.members(key)) / 150)) for key in workspace.segments)

    deployment.load()

    assert workspace.calls["search"] + workspace.calls["segments"] + workspace.calls["me"] <= 1.05 * pages + 10
    assert workspace.calls["contact"] + workspace.calls["contact_segments"] + workspace.calls["contacts"] == 0


@pytest.mark.parametrize("days", nightly([2, 12], 12))
def test_a_life_is_remembered_day_by_day(make_deployment: Callable[..., Deployment], days: int) -> None:
    deployment = make_deployment(contacts=300, segments=8)
    truths = {}
    for day in range(days):
        deployment.workspace.live(days=1, churn=0.05, silent=0)
        _ = deployment.load() if day < days - 1 else deployment.sync()
        truths[deployment.workspace.now()] = deployment.workspace.pairs()

    for moment, truth in truths.items():
        as_of = deployment.query(
            "select segment_id, contact_id from intercom.segment_memberships"
            " where entered_at <= ? and (left_at is null or left_at > ?)",
            moment,
            moment,
        )
        snapshot = deployment.query(
            "select segment_id, contact_id from intercom.segment_membership_snapshots where observed_on = ?",
            moment.date(),
        )
        assert set(as_of) == truth
        assert set(snapshot) == truth
        assert len(snapshot) == len(truth)


def test_syncing_twice_changes_no_row_but_runs_and_scan_times(synced: Deployment) -> None:
    synced.workspace.live(days=1)
    synced.sync()
    before = {mart: rows(synced, mart) for mart in MARTS}

    synced.workspace.advance(seconds=2)
    outcome = synced.sync()

    assert (outcome.joins, outcome.leaves) == (0, 0)
    assert {mart: rows(synced, mart) for mart in MARTS} == before


def rows(deployment: Deployment, mart: str) -> list[tuple[Any, ...]]:
    excluded = f" exclude ({SCAN_TIMES[mart]})" if mart in SCAN_TIMES else ""
    return deployment.query(f"select *{excluded} from intercom.{mart} order by all")


@pytest.mark.nightly
@pytest.mark.parametrize("fault", ["empty_page", "half_page", "repeat_page"])
def test_a_bad_page_of_a_first_sync_loses_no_membership(make_deployment: Callable[..., Deployment], fault: str) -> None:
    deployment = make_deployment(contacts=1000, segments=10)
    for segment_id in deployment.workspace.segments:
        getattr(deployment.workspace.faults, fault)(segment_id)

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert deployment.members() == deployment.workspace.pairs()


@pytest.mark.parametrize("fault", nightly_except(["empty_page", "half_page", "repeat_page"], "half_page"))
def test_a_bad_page_records_no_leave_that_did_not_happen(synced: Deployment, fault: str) -> None:
    for segment_id in synced.workspace.segments:
        getattr(synced.workspace.faults, fault)(segment_id)
    synced.sync()

    assert synced.ended() == []
    assert synced.members() == synced.workspace.pairs()


@pytest.mark.nightly
def test_a_bad_page_of_a_moving_segment_records_no_leave_that_did_not_happen(
    make_synced: Callable[..., Deployment],
) -> None:
    deployment = make_synced(contacts=1000, segments=10)
    segment_id = largest(deployment.workspace)

    deployment.workspace.faults.half_page(segment_id, page=2)  # and the total moves, so it cannot be compared
    outcome = deployment.sync(transport=Meddling(deployment, segment_id, deployment.workspace.sign_up))

    assert outcome.exit_code == ExitCode.DONE
    assert deployment.ended() == []


class KnowingNobodyByName(httpx.AsyncBaseTransport):
    """Answers every question by name as if no such contact existed."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if b'"IN"' in request.content:
            return httpx.Response(200, json={"type": "list", "data": [], "total_count": 0})
        return await self.inner.handle_async_request(request)


@pytest.mark.nightly
@pytest.mark.parametrize("leavers", [1, None], ids=["one leaves", "all leave"])
def test_a_search_that_knows_nobody_by_name_proves_no_leave(deployment: Deployment, leavers: int | None) -> None:
    segment_id = deployment.workspace.make_segment("Few", Tagged("few"))
    few = sorted(deployment.workspace.contacts)[:10]
    for contact_id in few:
        deployment.workspace.tag(contact_id, "few")
    deployment.sync()

    for contact_id in few[:leavers]:
        deployment.workspace.untag(contact_id, "few")
    outcome = deployment.sync(transport=KnowingNobodyByName(deployment.transport))
    held = deployment.members()
    deployment.sync()

    assert outcome.incomplete[segment_id] == "does_not_add_up"
    assert {(segment_id, contact_id) for contact_id in few} <= held
    assert deployment.members() == deployment.workspace.pairs()


def test_a_segment_that_never_adds_up_closes_nothing_and_is_told(synced: Deployment) -> None:
    segment_id = largest(synced.workspace)
    leaver = min(synced.workspace.members(segment_id))

    synced.workspace.faults.half_page(segment_id, times=None)
    synced.workspace.delete(leaver)
    outcome = synced.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert outcome.incomplete[segment_id] == "does_not_add_up"
    assert (segment_id, leaver) in synced.members()


def largest(workspace: Workspace) -> str:
    return max(workspace.segments, key=lambda segment_id: (len(workspace.members(segment_id)), segment_id))


def test_a_segment_list_cut_to_half_deletes_nothing(synced: Deployment) -> None:
    before = synced.members()

    synced.workspace.faults.half_segment_list()
    outcome = synced.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert synced.members() == before
    assert synced.ended() == []
    assert synced.query("select count(*) from intercom.segments where is_deleted") == [(0,)]


@pytest.mark.nightly
@pytest.mark.parametrize("accept_shrink", [False, True])
def test_a_list_that_lost_half_is_believed_at_the_second_look_or_where_the_user_says_so(
    synced: Deployment, accept_shrink: bool
) -> None:
    for segment_id in sorted(synced.workspace.segments)[:6]:
        synced.workspace.delete_segment(segment_id)

    first = synced.sync(accept_shrink=accept_shrink)
    deleted = synced.query("select count(*) from intercom.segments where is_deleted")
    second = synced.sync()

    assert first.exit_code == (ExitCode.DONE if accept_shrink else ExitCode.INCOMPLETE)
    assert deleted == [(6 if accept_shrink else 0,)]
    assert second.exit_code == ExitCode.DONE
    assert synced.members() == synced.workspace.pairs()
    assert synced.query("select count(*) from intercom.segments where is_deleted") == [(6,)]


@pytest.mark.nightly
def test_a_segment_missing_from_the_list_but_still_there_is_incomplete(synced: Deployment) -> None:
    synced.workspace.faults.lose_segments(1)
    outcome = synced.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert set(outcome.incomplete.values()) == {"not_listed"}
    assert synced.ended() == []


@pytest.mark.nightly
def test_a_segment_hidden_from_the_first_list_is_loaded_when_it_appears(deployment: Deployment) -> None:
    deployment.workspace.faults.half_segment_list()
    deployment.load()

    deployment.sync()

    assert deployment.members() == deployment.workspace.pairs()
    assert deployment.query("select count(*) from intercom.segment_versions") == [(10,)]


def test_a_deleted_segment_ends_its_memberships_with_that_reason(synced: Deployment) -> None:
    segment_id = largest(synced.workspace)
    members = synced.workspace.members(segment_id)

    synced.workspace.delete_segment(segment_id)
    outcome = synced.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert set(synced.ended()) == {(segment_id, contact_id, "segment_deleted") for contact_id in members}
    assert synced.query("select segment_id from intercom.segments where is_deleted") == [(segment_id,)]


def test_a_collapse_is_believed_only_when_a_second_run_finds_it_again(synced: Deployment) -> None:
    segment_id = largest(synced.workspace)
    gone = sorted(synced.workspace.members(segment_id))[:200]
    for contact_id in gone:
        synced.workspace.delete(contact_id)

    first = synced.load()
    held = synced.known()
    second = synced.sync()

    assert first.exit_code == ExitCode.INCOMPLETE
    assert first.incomplete[segment_id] == "shrunk"
    assert {(segment_id, contact_id) for contact_id in gone} <= held
    assert second.exit_code == ExitCode.DONE
    assert synced.members() == synced.workspace.pairs()


@pytest.mark.nightly
def test_a_collapse_is_believed_at_once_where_the_user_says_so(synced: Deployment) -> None:
    for contact_id in sorted(synced.workspace.contacts)[:200]:
        synced.workspace.delete(contact_id)

    outcome = synced.sync(accept_shrink=True)

    assert outcome.exit_code == ExitCode.DONE
    assert synced.members() == synced.workspace.pairs()


@pytest.mark.nightly
def test_a_deleted_contact_is_marked_when_it_leaves_a_segment(synced: Deployment) -> None:
    contact_id = min(synced.workspace.members(largest(synced.workspace)))

    synced.workspace.delete(contact_id)
    outcome = synced.sync()

    assert outcome.contacts_gone == 1
    assert {(member, reason) for _, member, reason in synced.ended()} == {(contact_id, "contact_deleted")}
    assert synced.query("select contact_id from intercom.contacts where is_deleted") == [(contact_id,)]
    assert contact_id not in {member for _, member in synced.members()}


@pytest.mark.nightly
def test_a_contact_that_comes_back_is_no_longer_marked(synced: Deployment) -> None:
    contact_id = min(synced.workspace.members(largest(synced.workspace)))
    synced.workspace.delete(contact_id)
    synced.load()

    synced.workspace.sign_up(id=contact_id)
    synced.sync()

    assert synced.query("select count(*) from intercom.contacts where is_deleted") == [(0,)]
    assert synced.members() == synced.workspace.pairs()


@pytest.mark.nightly
@pytest.mark.parametrize(("version", "noticed"), [("Preview", (1, 0)), ("2.16", (0, 1))])
def test_a_deleted_contact_who_was_in_no_segment_is_noticed_by_the_feeds_or_by_a_full_sync(
    deployment: Deployment, version: str, noticed: tuple[int, int]
) -> None:
    deployment.settings.api_version = version
    for segment_id in list(deployment.workspace.segments):
        deployment.workspace.delete_segment(segment_id)
    deployment.load()
    contact_id = min(deployment.workspace.contacts)
    deployment.workspace.delete(contact_id)

    partly = deployment.load()
    fully = deployment.sync(full=True)

    assert (partly.contacts_gone, fully.contacts_gone) == noticed
    assert fully.contacts_read == 299
    assert deployment.query("select contact_id from intercom.contacts where is_deleted") == [(contact_id,)]


def test_a_second_sync_reads_only_contacts_changed_since_the_first(synced: Deployment) -> None:
    synced.workspace.advance(hours=1)
    changed = min(synced.workspace.contacts)
    synced.workspace.update(changed, name="Somebody Else")

    synced.load()  # the first run's mark lies before the clock moved
    synced.workspace.advance(hours=1)
    synced.workspace.update(changed, name="Somebody Else Again")
    outcome = synced.sync()

    assert outcome.contacts_read == 1
    assert synced.query("select name from intercom.contacts where contact_id = ?", changed) == [
        ("Somebody Else Again",)
    ]


def test_the_cursor_stays_behind_the_newest_contact_by_the_overlap(synced: Deployment) -> None:
    newest = max(contact.attributes["updated_at"] for contact in synced.workspace.contacts.values())
    assert synced.cursor() == newest - 901  # the overlap, and the second that the newest was updated in


@pytest.mark.nightly
def test_a_contact_edited_after_its_page_was_read_arrives_with_the_next_sync(deployment: Deployment) -> None:
    by_age = sorted(
        deployment.workspace.contacts.values(), key=lambda contact: (contact.attributes["created_at"], contact.id)
    )
    first, last = by_age[0].id, by_age[-1].id
    deployment.settings.overlap = 0

    def edit_both() -> None:
        deployment.workspace.advance(seconds=60)
        deployment.workspace.update(first, name="Edited Late")
        deployment.workspace.advance(seconds=60)
        deployment.workspace.update(last, name="Later Still")

    deployment.load(transport=Meddling(deployment, "role", edit_both))
    deployment.sync()

    names = dict(
        deployment.query("select contact_id, name from intercom.contacts where contact_id in (?, ?)", first, last)
    )
    assert names == {first: "Edited Late", last: "Later Still"}


@pytest.mark.nightly
def test_a_contact_dated_2043_does_not_hold_the_cursor(deployment: Deployment) -> None:
    deployment.workspace.update(min(deployment.workspace.contacts), updated_at=2_303_683_200)

    deployment.load()

    assert deployment.cursor() <= deployment.workspace.now().timestamp() - 900


@pytest.mark.nightly
def test_a_full_sync_moves_the_cursor_as_any_other(deployment: Deployment) -> None:
    deployment.load(full=True)

    newest = max(contact.attributes["updated_at"] for contact in deployment.workspace.contacts.values())
    assert deployment.cursor() == newest - 901  # the overlap, and the second that the newest was updated in


@pytest.mark.nightly
def test_two_workspaces_with_equal_ids_do_not_mix(make_deployment: Callable[..., Deployment]) -> None:
    one, two = make_deployment("one", workspace_id="one"), make_deployment("two", workspace_id="two")
    one.sync()
    two.sync()

    one.workspace.live(days=2, churn=0.05)
    one.sync()

    assert set(one.workspace.contacts) & set(two.workspace.contacts)
    assert one.members() == one.workspace.pairs()
    assert two.members() == two.workspace.pairs()
    assert two.query(
        "select count(*) from intercom.segment_memberships where workspace_id = 'two' and not is_current"
    ) == [(0,)]


@pytest.mark.nightly
def test_another_workspaces_token_stops_before_anything_is_written(make_deployment: Callable[..., Deployment]) -> None:
    make_deployment(workspace_id="one").sync()

    with pytest.raises(SetupError, match="loads workspace one, but the token belongs to two"):
        make_deployment(workspace_id="two").sync()


def test_another_region_than_configured_stops_the_run(make_deployment: Callable[..., Deployment]) -> None:
    with pytest.raises(SetupError, match="SOURCES__INTERCOM__REGION to eu"):
        make_deployment(region="EU").sync()


def test_a_clock_behind_the_log_stops_the_run(synced: Deployment) -> None:
    with pytest.raises(SetupError, match="Set it right"):
        synced.sync(clock=lambda: synced.workspace.now() - timedelta(days=1))


def test_a_failed_run_changes_nothing_and_the_next_one_goes_on(synced: Deployment) -> None:
    before, cursor = synced.members(), synced.cursor()
    synced.workspace.live(days=1)

    synced.workspace.faults.status(503, times=None, path_prefix="/contacts")
    with pytest.raises(Unavailable):
        synced.sync()
    after_failure = synced.members(), synced.cursor()
    synced.workspace.faults.clear()
    synced.sync()

    assert after_failure == (before, cursor)
    assert synced.members() == synced.workspace.pairs()


def test_a_run_interrupted_before_loading_is_finished_by_the_next(make_deployment: Callable[..., Deployment]) -> None:
    deployment = make_deployment(contacts=40, segments=4)

    class Interrupted(Exception):
        pass

    def interrupt(step: str) -> None:
        if step == "Loading":
            raise Interrupted

    with pytest.raises(Interrupted):
        deployment.sync(say=interrupt)
    outcome = deployment.sync()

    assert outcome.joins == 0  # all of them came with the package of the interrupted run
    assert deployment.members() == deployment.workspace.pairs()


def test_losing_dlts_working_folder_loses_nothing(synced: Deployment) -> None:
    synced.workspace.live(days=1, silent=0)
    cursor = synced.cursor()

    shutil.rmtree(synced.folder / "pipelines")
    outcome = synced.sync()

    assert 0 < outcome.contacts_read < 50  # the cursor came back from the warehouse
    assert synced.cursor() > cursor
    assert synced.members() == synced.workspace.pairs()


def test_every_run_is_journaled_and_the_warehouse_lags_one(synced: Deployment) -> None:
    synced.workspace.faults.status(503, times=None)
    with pytest.raises(Unavailable):
        synced.sync()
    synced.workspace.faults.clear()

    synced.sync(full=True)

    assert synced.query("select outcome, exit_code, command from intercom.sync_runs order by started_at") == [
        ("done", 0, "sync"),
        ("unavailable", 4, "sync"),
    ]
    assert synced.warehouse.journal.read_text().count("\n") == 3


def test_a_failing_error_level_check_keeps_the_marts_and_the_published_copy(synced: Deployment) -> None:
    before = synced.members()
    damage = "update intercom_raw.membership_changes set is_member = false where contact_id = %s"
    with synced.warehouse.pipeline("intercom").sql_client() as client:
        client.execute_sql(damage, min(synced.workspace.contacts))

    with pytest.raises(ModelsFailed):
        synced.sync()

    assert synced.members() == before


def test_a_sync_that_finds_nothing_new_builds_no_membership_anew_and_the_command_builds_all(synced: Deployment) -> None:
    pipeline = synced.warehouse.pipeline("intercom")
    reasons = "select distinct enter_reason from intercom.segment_memberships"
    with pipeline.sql_client() as client:
        client.execute_sql("update intercom_build.int_memberships set enter_reason = 'as it was'")

    synced.sync()

    assert synced.query(reasons) == [("as it was",)]
    assert synced.query("select count(distinct run_id) from intercom_build.int_scans") == [(2,)]
    build_models(pipeline)
    with pipeline.sql_client() as client:
        assert client.execute_sql(reasons) == [("baseline",)]


@pytest.mark.nightly
def test_what_a_killed_run_spilled_beside_the_warehouse_is_deleted_by_the_next(deployment: Deployment) -> None:
    spilled = deployment.folder / "warehouse.duckdb.tmp"
    spilled.mkdir(parents=True)
    (spilled / "duckdb_temp_4711_0_storage_DEFAULT-0.tmp").write_bytes(b"who is in which segment")

    deployment.load()

    assert not spilled.exists()


def test_the_data_folder_does_not_grow_with_every_run(synced: Deployment) -> None:
    loaded = synced.warehouse.folder / "pipelines" / "intercom" / "load" / "loaded"
    (first,) = (package.name for package in loaded.iterdir())
    for number in range(100):
        (loaded / f"17{number:08}.5").mkdir()

    synced.sync()

    kept = sorted(package.name for package in loaded.iterdir())
    assert len(kept) == KEPT_NOTES
    assert kept[-2] == first
    assert kept[0] == f"17{100 - KEPT_NOTES + 2:08}.5"
