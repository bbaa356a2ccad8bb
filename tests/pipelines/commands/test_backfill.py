"""Promises of a backfill: a window's contacts, whole or not at all, and nothing that a sync would miss."""

import json
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import typer

from pipelines.choices import LATEST_ONLY, NO_HISTORY
from pipelines.cli.arguments import utc_time
from pipelines.commands import Backfill, Backfilled
from pipelines.commands.backfill import sync_cursor
from pipelines.errors import ExitCode, Misconfigured
from pipelines.folder import read_journal
from pipelines.loading import source_state
from sources.intercom.api import SetupError

from ...soak.audit import check_keys
from ...soak.kills import POINTS, Death, Site, contents, differences, run_and_die
from ...support.deployments import AT_ONCE, START, Deployment, Settled
from ...support.first_loads import CutOffAfter, contacts, large_deployment, true_contacts
from ...support.nightly import nightly
from ...support.terminal import Terminal

DAY = timedelta(days=1)
NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)
VERSIONS = ("Preview", "2.14")
ZONES = ("America/Los_Angeles", "Asia/Tokyo")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def backfill(deployment: Deployment, **options: Any) -> Backfilled:
    return job(deployment, **options).run()


def job(deployment: Deployment, **options: Any) -> Backfill:
    defaults: dict[str, Any] = {
        "clock": deployment.workspace.now,
        "transport": deployment.transport,
        "retries": AT_ONCE,
        "since": START - 90 * DAY,
        "until": START,
        "chunk": 45 * DAY,
    }
    return Backfill(deployment.warehouse, deployment.name, settings=deployment.settings, **(defaults | options))


def loaded(deployment: Deployment) -> set[str]:
    return {contact_id for (contact_id,) in deployment.query("select id from intercom_raw.contacts")}


def within(deployment: Deployment, since: datetime, until: datetime, by: str = "created_at") -> set[str]:
    """Who lies in a window, as the workspace knows."""
    return {
        contact_id
        for contact_id, contact in deployment.workspace.contacts.items()
        if contact.value(by) is not None and since.timestamp() <= contact.value(by) < until.timestamp()
    }


def forget(deployment: Deployment, since: datetime) -> int:
    """Makes a hole: the warehouse loses all contacts made since that the next sync would not read; answers how many."""
    with duckdb.connect(str(deployment.warehouse.file)) as connection:
        hole = [int(since.timestamp()), sync_cursor(deployment.warehouse.pipeline(deployment.name))]
        lost = connection.execute("delete from intercom_raw.contacts where created_at >= ? and updated_at <= ?", hole)
        return int(lost.fetchall()[0][0])


def state_of(deployment: Deployment) -> dict[str, Any]:
    return source_state(deployment.warehouse.pipeline(deployment.name))


class Noting(httpx.AsyncBaseTransport):
    """Notes what is asked."""

    def __init__(self, deployment: Deployment) -> None:
        self.inner, self.asked = deployment.transport, list[str]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path} {request.content.decode()}")
        return await self.inner.handle_async_request(request)


@pytest.mark.parametrize("version", nightly(VERSIONS, "2.14"))
def test_two_separate_days_into_an_empty_warehouse_are_exactly_their_contacts(
    make_deployment: Callable[..., Deployment], version: str
) -> None:
    deployment = make_deployment(contacts=3_000, timezone="Asia/Tokyo")
    deployment.settings.api_version = version
    days = [START - 3 * DAY - timedelta(hours=9), datetime(2026, 1, 20, tzinfo=UTC)]

    outcomes = [backfill(deployment, since=day, until=day + DAY) for day in days]

    expected = [within(deployment, day, day + DAY) for day in days]
    assert all(expected)
    assert loaded(deployment) == expected[0] | expected[1]
    assert [outcome.contacts_loaded for outcome in outcomes] == [len(contacts) for contacts in expected]
    assert deployment.query("select count(*) from intercom.contacts") == [(len(loaded(deployment)),)]
    assert deployment.query("select * from intercom.segment_memberships") == []


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("version", "timezone"),
    list(product(VERSIONS, ZONES)),
)
def test_a_window_begins_with_its_first_second_and_ends_before_its_last(
    make_deployment: Callable[..., Deployment], version: str, timezone: str
) -> None:
    deployment = make_deployment(contacts=0, segments=0, timezone=timezone)
    deployment.settings.api_version = version
    first, end = int(NOON.timestamp()), int((NOON + DAY).timestamp())
    for second in (first - 1, first, end - 1, end):
        deployment.workspace.sign_up(id=str(second), created_at=second)

    backfill(deployment, since=NOON, until=NOON + DAY, chunk=DAY / 2)

    assert loaded(deployment) == {str(first), str(end - 1)}


@pytest.mark.parametrize("version", nightly(VERSIONS, "Preview"))
def test_days_that_intercom_counts_in_another_timezone_than_it_tells_lose_nobody(
    make_deployment: Callable[..., Deployment], version: str
) -> None:
    deployment = make_deployment(contacts=300, segments=0, timezone="America/Los_Angeles")
    deployment.settings.api_version = version
    told = make_deployment(contacts=300, segments=0, timezone="Asia/Tokyo")

    class SaysAnother(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            one = told if request.url.path == "/me" else deployment
            return await one.transport.handle_async_request(request)

    backfill(deployment, since=START - 20 * DAY, until=START, chunk=10 * DAY, transport=SaysAnother())

    assert loaded(deployment) == within(deployment, START - 20 * DAY, START)


def test_by_updated_at_finds_whose_latest_update_lies_in_the_window(deployment: Deployment) -> None:
    outcome = backfill(deployment, by="updated_at")

    assert loaded(deployment) == within(deployment, START - 90 * DAY, START, "updated_at")
    assert outcome.notes == (NO_HISTORY, LATEST_ONLY)


def test_a_gap_is_filled(synced: Deployment) -> None:
    before = synced.query("select * exclude (_dlt_load_id) from intercom_raw.contacts order by id")
    forget(synced, START - 80 * DAY)

    backfill(synced)

    assert synced.query("select * exclude (_dlt_load_id) from intercom_raw.contacts order by id") == before


@pytest.mark.nightly
def test_the_next_sync_asks_what_it_would_have_asked_without_a_backfill(settled: Settled, tmp_path: Path) -> None:
    untouched = Deployment(shutil.copytree(settled.folder, tmp_path / "untouched"), settled.workspace)
    untouched.settings.sweep_budget = 0
    state = state_of(settled)

    outcome = backfill(settled)
    state_after = state_of(settled)
    asked = [next_sync_asks(deployment) for deployment in (settled, untouched)]

    assert outcome.contacts_loaded > 0
    assert state_after == state
    assert asked[0] == asked[1]


def next_sync_asks(deployment: Deployment) -> list[str]:
    line = Noting(deployment)
    deployment.job(transport=line).run()
    return sorted(line.asked)


@pytest.mark.nightly
def test_what_changed_since_the_last_sync_is_left_to_the_next_which_sees_who_moved(settled: Settled) -> None:
    workspace, contact_id = settled.workspace, settled.crowd[0]
    made_at = datetime.fromtimestamp(workspace.contacts[contact_id].value("created_at"), UTC)
    workspace.untag(contact_id, "crowd")

    outcome = backfill(settled, since=made_at, until=made_at + DAY)
    settled.sync()

    assert outcome.left_to_sync >= 1
    assert ("Crowd", contact_id, False, "cursor") in settled.changes()
    assert settled.scans()["Crowd"][0] == "cursor"


def test_what_changed_without_being_updated_is_loaded_as_it_is_now(synced: Deployment) -> None:
    contact_id = min(within(synced, START - 90 * DAY, START - 10 * DAY))
    synced.workspace.advance(hours=1)
    synced.workspace.see(contact_id)

    backfill(synced)

    seen_at = synced.query("select last_seen_at from intercom_raw.contacts where id = ?", contact_id)
    assert seen_at == [(int(synced.workspace.now().timestamp()),)]


def test_fields_that_are_new_are_told_and_nothing_is_kept_but_the_contacts(synced: Deployment) -> None:
    before = state_of(synced)
    synced.workspace.encoding.change_fields(add={"favourite_colour": "green"})

    outcome = backfill(synced)

    assert outcome.drift == ("contacts are sent with a new field, favourite_colour: it is kept in _extra",)
    assert state_of(synced) == before


def test_a_page_that_came_short_once_is_made_up_for(deployment: Deployment) -> None:
    deployment.workspace.faults.half_page()

    outcome = backfill(deployment, since=LONG_AGO, chunk=4_000 * DAY)

    assert outcome.exit_code == ExitCode.DONE
    assert loaded(deployment) == set(deployment.workspace.contacts)


@pytest.mark.nightly
def test_a_chunk_that_comes_short_twice_is_not_loaded_and_the_next_attempt_goes_on_there(
    deployment: Deployment,
) -> None:
    options: dict[str, Any] = {"since": LONG_AGO, "until": START, "chunk": 2_000 * DAY}
    earlier = within(deployment, LONG_AGO, LONG_AGO + 2_000 * DAY)

    class ShortFromTheSecond(httpx.AsyncBaseTransport):
        searches = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.searches += request.url.path == "/contacts/search"
            if self.searches == 2:
                deployment.workspace.faults.half_page(times=None)
            return await deployment.transport.handle_async_request(request)

    short = backfill(deployment, transport=ShortFromTheSecond(), **options)
    after_short = loaded(deployment)
    deployment.workspace.faults.clear()
    whole = backfill(deployment, **options)

    assert (short.exit_code, short.chunks_done, short.chunks) == (ExitCode.INCOMPLETE, 1, 2)
    assert "run the same command again" in short.notes[-1]
    assert after_short == earlier
    assert (whole.exit_code, whole.chunks_done_before, whole.chunks_done) == (ExitCode.DONE, 1, 2)
    assert loaded(deployment) == set(deployment.workspace.contacts)


@pytest.mark.nightly
def test_a_contact_that_can_never_be_read_costs_that_contact_and_no_chunk(deployment: Deployment) -> None:
    options: dict[str, Any] = {"since": LONG_AGO, "until": START, "chunk": 1_000 * DAY}
    people = deployment.workspace.contacts
    lost = max(people, key=lambda contact_id: int(people[contact_id].value("created_at")))

    class WithoutIt(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await deployment.transport.handle_async_request(request)
            answer = json.loads(await response.aread())
            found = answer.get("data") or []
            answer |= {"data": [5 if one.get("id") == lost else one for one in found]} if "data" in answer else {}
            return httpx.Response(response.status_code, json=answer)

    outcome = backfill(deployment, transport=WithoutIt(), **options)
    again = backfill(deployment, **options)

    assert (outcome.exit_code, outcome.chunks_done) == (ExitCode.INCOMPLETE, outcome.chunks)
    assert outcome.contacts_loaded == len(people) - 1
    assert outcome.notes[-1].startswith("Contacts that could not be read, and were left out: 1.")
    assert (again.exit_code, loaded(deployment)) == (ExitCode.DONE, set(people))


@pytest.mark.nightly
def test_a_first_chunk_that_comes_short_leaves_nothing(deployment: Deployment) -> None:
    deployment.workspace.faults.half_page(times=None)

    outcome = backfill(deployment, since=LONG_AGO, chunk=4_000 * DAY)
    deployment.workspace.faults.clear()
    deployment.sync()

    assert (outcome.exit_code, outcome.chunks_done, outcome.contacts_loaded) == (ExitCode.INCOMPLETE, 0, 0)
    assert deployment.members() == deployment.workspace.pairs()


def in_the_second_chunk(point: str) -> Death:
    return Death(POINTS[point].pattern, 2)


KILLS = (
    POINTS["when all is extracted, but the pipeline knows nothing of it"],
    Death(r'^call POST .*"per_page":150', 2),
    in_the_second_chunk("when all is normalized, but still there as extracted"),
    in_the_second_chunk("when contacts are staged, but not marked so"),
    in_the_second_chunk("when all is loaded and marked so, but not put away"),
)
"""The last two finish first what the one before left pending: that is a chunk, too."""


def backfill_in_six_chunks(deployment: Deployment, **options: Any) -> Backfilled:
    return backfill(deployment, chunk=15 * DAY, **options)


@pytest.mark.parametrize(
    ("deaths", "done_before"), [(KILLS[3:4], 2), pytest.param(KILLS, 5, marks=pytest.mark.nightly)]
)
@pytest.mark.nightly
def test_ninety_days_that_are_killed_end_as_if_nobody_had_been_killed(
    tmp_path: Path, deaths: tuple[Death, ...], done_before: int
) -> None:
    whole, killed = (Site(tmp_path / name) for name in ("whole", "killed"))

    backfill_in_six_chunks(whole.deployment())
    exit_codes = [run_and_die(killed, death, backfill_in_six_chunks) for death in deaths]
    last = backfill_in_six_chunks(killed.deployment())

    assert exit_codes == [-signal.SIGKILL] * len(deaths)
    assert (last.exit_code, last.chunks, last.chunks_done_before, last.chunks_done) == (
        ExitCode.DONE,
        6,
        done_before,
        6,
    )
    assert contacts_of(killed) == contacts_of(whole) != []
    assert differences(contents(killed.deployment()), contents(whole.deployment())) == []
    assert state_of(killed.deployment()) == state_of(whole.deployment())
    check_keys(killed.deployment())


def contacts_of(site: Site) -> list[tuple[Any, ...]]:
    return site.deployment().query("select * exclude (_dlt_load_id) from intercom_raw.contacts order by id")


@pytest.mark.nightly
def test_another_window_does_not_disturb_an_unfinished_one(deployment: Deployment) -> None:
    with suppress(Exception):
        backfill(deployment, chunk=30 * DAY, transport=CutOffAfter(deployment, 2))
    between = backfill(deployment, chunk=31 * DAY)

    outcome = backfill(deployment, chunk=30 * DAY)

    assert between.chunks_done_before == 0
    assert outcome.chunks_done_before == 1
    assert "backfills" not in state_of(deployment)


@pytest.mark.nightly
def test_a_finished_window_is_read_again_when_it_is_asked_for_again(deployment: Deployment) -> None:
    options: dict[str, Any] = {"chunk": 90 * DAY}

    outcomes = [backfill(deployment, **options) for _ in range(2)]

    assert [outcome.contacts_loaded for outcome in outcomes] == [len(loaded(deployment))] * 2


@pytest.mark.nightly
def test_two_workspaces_do_not_mix(make_deployment: Callable[..., Deployment]) -> None:
    houses = [make_deployment(name, workspace_id=name, seed=seed) for seed, name in enumerate(("acme", "umbrella"))]

    for deployment in houses:
        backfill(deployment, chunk=90 * DAY)

    rows = houses[0].query("select workspace_id, id from intercom_raw.contacts")
    expected = {(deployment.name, key) for deployment in houses for key in within(deployment, START - 90 * DAY, START)}
    assert len(rows) == len(set(rows))
    assert set(rows) == expected


def test_another_workspaces_token_is_refused_before_anything_is_written(
    make_deployment: Callable[..., Deployment],
) -> None:
    backfill(make_deployment(workspace_id="acme"), chunk=90 * DAY)
    other = make_deployment(workspace_id="umbrella", seed=1)
    before = loaded(other)

    with pytest.raises(SetupError, match="belongs to umbrella"):
        backfill(other, chunk=90 * DAY)

    assert loaded(other) == before


@pytest.mark.nightly
def test_a_sync_after_a_backfill_is_a_first_one(deployment: Deployment) -> None:
    backfill(deployment)

    outcome = deployment.sync()

    assert (outcome.contacts_read, outcome.swept) == (300, 10)
    assert deployment.members() == deployment.workspace.pairs()
    assert deployment.query("select distinct is_baseline from intercom.segment_memberships") == [(True,)]


@pytest.mark.nightly
def test_a_large_first_load_after_a_backfill_notices_who_has_gone_meanwhile(
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment = large_deployment(make_deployment)
    backfill(deployment, until=deployment.workspace.now(), chunk=100 * DAY)
    gone = min(loaded(deployment))
    deployment.workspace.delete(gone)

    deployment.sync()

    assert deployment.query("select contact_id from intercom.contacts where is_deleted") == [(gone,)]
    assert contacts(deployment) == true_contacts(deployment.workspace)


@pytest.mark.nightly
def test_a_first_load_that_was_cut_off_goes_on_as_if_there_had_been_no_backfill(
    make_deployment: Callable[..., Deployment], tmp_path: Path
) -> None:
    deployment = large_deployment(make_deployment)
    with pytest.raises(ExceptionGroup):
        deployment.sync(transport=CutOffAfter(deployment, 80))
    newcomer = deployment.workspace.sign_up()
    deployment.workspace.advance(seconds=1)
    untouched = Deployment(shutil.copytree(deployment.folder, tmp_path / "untouched"), deployment.workspace)

    outcome = backfill(deployment, until=deployment.workspace.now(), chunk=100 * DAY)
    resumed, expected = (one.job().run() for one in (deployment, untouched))

    assert outcome.left_to_sync == 1
    assert newcomer in loaded(deployment)
    assert (resumed.contacts_read, resumed.swept, resumed.joins, resumed.api_calls) == (
        expected.contacts_read,
        expected.swept,
        expected.joins,
        expected.api_calls,
    )
    assert deployment.members() == deployment.workspace.pairs()
    assert contacts(deployment) == true_contacts(deployment.workspace)


@pytest.mark.nightly
def test_who_was_missing_and_came_by_a_backfill_is_no_reason_to_look_who_is_gone(synced: Deployment) -> None:
    balance = state_of(synced)["unaccounted"]
    lost = forget(synced, START - 30 * DAY)

    backfill(synced)

    assert state_of(synced)["unaccounted"] == balance + lost > balance


USAGE: dict[str, tuple[dict[str, Any], str]] = {
    "a window of no length": ({"since": NOON, "until": NOON}, "later than --from"),
    "a window within a second": ({"since": NOON, "until": NOON - timedelta(seconds=0.5)}, "later than --from"),
    "a window that ends before it begins": ({"since": NOON, "until": NOON - DAY}, "later than --from"),
    "a window still to come": ({"since": START + DAY, "until": START + 2 * DAY}, "in the past"),
    "a window that begins now": ({"since": START, "until": START + DAY}, "in the past"),
    "a chunk of no length": ({"chunk": timedelta()}, "Set --chunk"),
    "chunks without number": ({"chunk": timedelta(seconds=1)}, "longer --chunk"),
}


@pytest.mark.parametrize("what", USAGE)
def test_a_window_in_which_nothing_can_lie_is_a_usage_error(deployment: Deployment, what: str) -> None:
    options, words = USAGE[what]

    for act in (job(deployment, **options).run, job(deployment, **options).preview):
        with pytest.raises(Misconfigured, match=words):
            act()

    assert not deployment.folder.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T15:30", datetime(2026, 1, 31, 15, 30, tzinfo=UTC)),
        ("2026-01-31T15:30:05Z", datetime(2026, 1, 31, 15, 30, 5, tzinfo=UTC)),
        ("2026-01-31T00:30+01:00", datetime(2026, 1, 30, 23, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_in_utc_unless_it_tells_its_timezone(text: str, told: datetime) -> None:
    assert (utc_time(text), utc_time(text).tzinfo) == (told, UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "31.01.2026", "2026-02-30", "1769817600", "0001-01-01T00:00+14:00"])
def test_what_is_no_date_is_a_usage_error(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a date"):
        utc_time(text)


def test_a_window_that_ends_in_the_future_ends_now_and_says_so(deployment: Deployment) -> None:
    outcome = backfill(deployment, until=START + 30 * DAY, chunk=90 * DAY)

    assert outcome.window == {"from": "2025-12-02T09:00:00Z", "to": "2026-03-02T09:00:00Z"}
    assert outcome.notes == (
        NO_HISTORY,
        "2026-04-01T09:00:00Z is in the future, so the window ends now, at 2026-03-02T09:00:00Z.",
    )


def test_a_dry_run_into_nothing_makes_not_even_a_folder_and_knows_what_a_run_costs(deployment: Deployment) -> None:
    planned = job(deployment).preview()
    is_there = deployment.folder.exists()
    outcome = backfill(deployment)

    assert not is_there
    assert (planned.contacts, planned.calls) == (outcome.contacts_loaded, outcome.api_calls)
    assert (planned.chunks, planned.chunks_done_before) == (2, 0)


def test_a_dry_run_writes_nothing_and_tells_what_is_left(deployment: Deployment) -> None:
    with suppress(Exception):
        backfill(deployment, chunk=30 * DAY, transport=CutOffAfter(deployment, 3))
    before, state = files(deployment), state_of(deployment)

    planned = job(deployment, chunk=30 * DAY).preview()

    assert (planned.chunks, planned.chunks_done_before, len(planned.estimates)) == (3, 2, 1)
    assert files(deployment) == before
    assert state_of(deployment) == state


def files(deployment: Deployment) -> dict[str, bytes]:
    kept = (deployment.warehouse.file, deployment.warehouse.journal, deployment.warehouse.published)
    return {path.name: path.read_bytes() for path in kept if path.exists()}


@pytest.mark.nightly
def test_the_journal_tells_the_window(deployment: Deployment) -> None:
    backfill(deployment, since=NOON, until=NOON + DAY)

    (run,) = read_journal(deployment.warehouse.journal)
    assert (run.command, run.outcome) == (
        "backfill --from 2026-02-10T12:00:00Z --to 2026-02-11T12:00:00Z --by created_at",
        "done",
    )


def test_the_command_prints_one_object(terminal: Terminal) -> None:  # the fixture
    today = datetime.now(UTC)
    since, until = f"{today - 100 * DAY:%Y-%m-%d}", f"{today - 10 * DAY:%Y-%m-%d}"
    arguments = ("backfill", "--from", since, "--to", until, "--chunk", "90d", "--json")

    planned = json.loads(terminal.run(*arguments, "--dry-run").output)
    ended = terminal.run(*arguments)

    outcome = json.loads(ended.output)
    assert ended.exit_code == outcome["exit_code"] == 0, ended.errors
    assert outcome["window"] == planned["window"] == {"from": since, "to": until}
    assert outcome["chunks"] == len(planned["chunks"]) == 1
    assert outcome["contacts_loaded"] == planned["contacts"] > 0
    assert f"Loaded {outcome['contacts_loaded']} contacts from {since} to {until} (1 of 1)" in ended.errors


@pytest.mark.parametrize("until", ["soon", "2026-01-01"])
def test_the_command_refuses_what_cannot_be_read_or_holds_nothing(terminal: Terminal, until: str) -> None:
    ended = terminal.run("backfill", "--from", "2026-01-01", "--to", until)

    assert ended.exit_code == 2
    assert "Traceback" not in ended.errors
    assert ended.output == ""
