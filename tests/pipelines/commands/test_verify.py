"""Claims about `verify`: what it finds, how it explains that, and that it changes nothing."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import httpx
import pytest
from filelock import FileLock

from pipelines.commands.verify import Verification, Verify
from pipelines.commands.verify.differences import choose
from pipelines.errors import Busy, ExitCode, Misconfigured, exit_code_of
from pipelines.folder import read_journal
from sandbox.api import create_app
from sandbox.segments.rules import Everyone, OlderThan, Tagged
from sandbox.world import Workspace
from sources.intercom.api import Refused, SetupError, Unavailable

from ...support.deployments import AT_ONCE, NO_QUOTA, Deployment
from ...support.terminal import Terminal

ALL = 1_000_000
CONTACTS = 60
"""Fewer than in other tests: `verify` makes a call for each."""


@pytest.fixture
def deployment(make_deployment: Callable[..., Deployment]) -> Deployment:
    return make_deployment(contacts=CONTACTS)


@pytest.fixture
def synced(make_synced: Callable[..., Deployment]) -> Deployment:
    return make_synced(contacts=CONTACTS)


def verify(deployment: Deployment, **options: Any) -> Verification:
    defaults: dict[str, Any] = {
        "sample": ALL,
        "clock": deployment.workspace.now,
        "transport": deployment.transport,
        "retries": AT_ONCE,
    }
    return Verify(deployment.warehouse, deployment.name, settings=deployment.settings, **(defaults | options)).run()


def reasons(found: Verification) -> set[str | None]:
    return {difference.explanation.reason if difference.explanation else None for difference in found.differences}


def pairs(found: Verification, *, in_intercom: bool) -> set[tuple[str, str]]:
    return {(one.segment_id, one.contact_id) for one in found.differences if one.in_intercom == in_intercom}


def damage(deployment: Deployment, sql: str, *values: object) -> None:
    with duckdb.connect(str(deployment.warehouse.file)) as connection:
        connection.execute(sql, list(values))


def lose_membership(deployment: Deployment, segment_id: str, contact_id: str) -> None:
    damage(
        deployment,
        "delete from intercom_raw.membership_changes where segment_id = ? and contact_id = ?",
        segment_id,
        contact_id,
    )


def invent_membership(deployment: Deployment, segment_id: str, contact_id: str) -> None:
    damage(
        deployment,
        "insert into intercom_raw.membership_changes by name select * replace (? as contact_id)"
        " from intercom_raw.membership_changes where segment_id = ? limit 1",
        contact_id,
        segment_id,
    )


def segment_member_and_outsider(deployment: Deployment) -> tuple[str, str, str]:
    """A segment, one of its members, and a contact that is not a member."""
    everyone = deployment.workspace.contacts.keys()
    sizes = {one: deployment.workspace.members(one) for one in deployment.workspace.segments}
    segment_id = next(one for one, members in sizes.items() if 10 < len(members) < len(everyone))
    return segment_id, min(sizes[segment_id]), min(everyone - sizes[segment_id])


def test_a_fresh_sync_verifies_in_full_with_one_call_a_contact(synced: Deployment) -> None:
    found = verify(synced)

    assert (found.exit_code, found.differences) == (ExitCode.DONE, ())
    assert found.contacts == found.contacts_known == CONTACTS
    assert found.agreeing == found.compared == len(synced.workspace.pairs())
    assert found.api_calls == CONTACTS + 1


def test_a_deleted_contact_is_explained(synced: Deployment) -> None:
    _, member, _ = segment_member_and_outsider(synced)
    held = {pair for pair in synced.workspace.pairs() if pair[1] == member}

    synced.workspace.delete(member)
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"contact_gone"})
    assert found.contacts_gone == 1
    assert pairs(found, in_intercom=False) == held


def test_a_merged_contact_is_explained_with_the_contact_it_was_merged_into(synced: Deployment) -> None:
    _, lead, user = segment_member_and_outsider(synced)

    synced.workspace.merge(lead, user)
    found = verify(synced)

    explanations = {one.explanation.words for one in found.differences if one.explanation and one.contact_id == lead}
    assert found.exit_code == ExitCode.DONE
    assert explanations == {f"the contact was merged into {user} since the last sync"}


@pytest.mark.nightly
def test_an_updated_contact_is_explained(deployment: Deployment) -> None:
    segment_id = deployment.workspace.make_segment("Tagged", Tagged("new"))
    deployment.sync()
    _, contact_id, _ = segment_member_and_outsider(deployment)

    deployment.workspace.advance(seconds=5)
    deployment.workspace.tag(contact_id, "new")
    found = verify(deployment)

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"contact_updated"})
    assert (segment_id, contact_id) in pairs(found, in_intercom=True)


def test_a_new_segment_is_explained(synced: Deployment) -> None:
    segment_id = synced.workspace.make_segment("New", Everyone())
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"segment_made"})
    assert pairs(found, in_intercom=True) == {(segment_id, one) for one in synced.workspace.contacts}


def test_an_edited_segment_is_explained(synced: Deployment) -> None:
    segment_id, *_ = segment_member_and_outsider(synced)
    before = synced.workspace.members(segment_id)

    synced.workspace.advance(seconds=5)
    synced.workspace.edit_segment(segment_id, Everyone())
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"segment_edited"})
    assert {contact_id for _, contact_id in pairs(found, in_intercom=True)} == synced.workspace.contacts.keys() - before


def test_a_deleted_segment_is_explained(synced: Deployment) -> None:
    segment_id, *_ = segment_member_and_outsider(synced)
    before = synced.workspace.members(segment_id)

    synced.workspace.delete_segment(segment_id)
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"segment_deleted"})
    assert pairs(found, in_intercom=False) == {(segment_id, contact_id) for contact_id in before}


def test_a_segment_that_is_only_missing_from_the_list_is_not_taken_for_deleted(synced: Deployment) -> None:
    for segment_id in synced.workspace.segments:
        lose_membership(synced, segment_id, min(synced.workspace.members(segment_id), default=""))

    synced.workspace.faults.half_segment_list()
    found = verify(synced)

    assert reasons(found) == {None}


@pytest.mark.nightly
def test_a_segment_that_the_last_sync_could_not_read_is_explained(synced: Deployment) -> None:
    segment_id, *_ = segment_member_and_outsider(synced)
    synced.workspace.advance(days=1)
    synced.workspace.faults.half_page(segment_id, times=None)
    incomplete = synced.sync()
    _, _, outsider = segment_member_and_outsider(synced)
    invent_membership(synced, segment_id, outsider)

    found = verify(synced)

    assert set(incomplete.incomplete) == {segment_id}
    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"segment_unread"})


class Contradicting(httpx.AsyncBaseTransport):
    """An Intercom whose list of a contact's segments lacks one in which its search finds the contact."""

    def __init__(self, inner: httpx.AsyncBaseTransport, segment_id: str, contact_id: str) -> None:
        self.inner, self.segment_id, self.path = inner, segment_id, f"/contacts/{contact_id}/segments"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if request.url.path != self.path:
            return response
        answer = json.loads(await response.aread())
        answer["data"] = [one for one in answer["data"] if one["id"] != self.segment_id]
        return httpx.Response(200, json=answer)


def test_two_contradicting_answers_of_intercom_are_explained(synced: Deployment) -> None:
    segment_id, member, _ = segment_member_and_outsider(synced)

    found = verify(synced, transport=Contradicting(synced.transport, segment_id, member))

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"search_agrees"})
    assert pairs(found, in_intercom=False) == {(segment_id, member)}


class Hiding(httpx.AsyncBaseTransport):
    """An Intercom whose search does not find a contact by id if the query also holds `where`."""

    def __init__(self, inner: httpx.AsyncBaseTransport, contact_id: str, where: str) -> None:
        self.inner, self.contact_id, self.where = inner, contact_id.encode(), where.encode()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = request.content
        if self.where in body:
            body = body.replace(self.contact_id, b"0" * len(self.contact_id))
        return await self.inner.handle_async_request(
            httpx.Request(request.method, request.url, headers=request.headers, content=body)
        )


@pytest.mark.nightly
@pytest.mark.parametrize("alone", [True, False])
def test_a_contact_that_search_does_not_find_in_the_segment_is_explained(deployment: Deployment, alone: bool) -> None:
    segment_id, member, _ = segment_member_and_outsider(deployment)
    if alone:
        deployment.workspace.tag(member, "alone")
        segment_id = deployment.workspace.make_segment("Alone", Tagged("alone"))
    deployment.sync()
    lose_membership(deployment, segment_id, member)

    found = verify(deployment, transport=Hiding(deployment.transport, member, where=segment_id))

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"search_agrees"})
    assert pairs(found, in_intercom=True) == {(segment_id, member)}


@pytest.mark.nightly
def test_a_contact_that_search_never_finds_is_not_explained_by_that(deployment: Deployment) -> None:
    _, member, _ = segment_member_and_outsider(deployment)
    deployment.workspace.tag(member, "alone")
    segment_id = deployment.workspace.make_segment("Alone", Tagged("alone"))
    deployment.sync()
    lose_membership(deployment, segment_id, member)

    found = verify(deployment, transport=Hiding(deployment.transport, member, where="id"))

    assert reasons(found) == {None}


def test_an_answer_that_does_not_add_up_explains_nothing(synced: Deployment) -> None:
    segment_id, member, _ = segment_member_and_outsider(synced)
    lose_membership(synced, segment_id, member)

    synced.workspace.faults.empty_page(segment_id, times=None)
    found = verify(synced)

    assert reasons(found) == {None}


@pytest.mark.nightly
def test_contacts_that_joined_with_time_alone_are_explained(deployment: Deployment) -> None:
    segment_id = deployment.workspace.make_segment("Here for years", OlderThan("created_at", 0.5))
    newcomer = deployment.workspace.sign_up()
    deployment.sync()

    deployment.workspace.advance(days=1)
    found = verify(deployment)

    explanations = {one.explanation for one in found.differences if one.segment_id == segment_id}
    assert (segment_id, newcomer) in pairs(found, in_intercom=True)
    assert {one.reason for one in explanations if one} == {"size_moved"}
    assert "the last scan at 2026-03-02 09:00:01 UTC" in "".join(one.words for one in explanations if one)


def test_a_row_that_the_log_lost_is_not_explained_as_a_leave(synced: Deployment) -> None:
    segment_id, member, _ = segment_member_and_outsider(synced)

    lose_membership(synced, segment_id, member)
    found = verify(synced)

    assert found.exit_code == ExitCode.INCOMPLETE
    assert [(one.segment_id, one.contact_id, one.explanation) for one in found.differences] == [
        (segment_id, member, None)
    ]


def test_two_members_exchanged_in_the_warehouse_are_unexplained(synced: Deployment) -> None:
    segment_id, member, outsider = segment_member_and_outsider(synced)

    lose_membership(synced, segment_id, member)
    invent_membership(synced, segment_id, outsider)
    found = verify(synced)

    assert (found.exit_code, found.unexplained) == (ExitCode.INCOMPLETE, 2)
    assert pairs(found, in_intercom=True) == {(segment_id, member)}
    assert pairs(found, in_intercom=False) == {(segment_id, outsider)}


def test_one_unexplained_difference_among_explained_ones_counts(synced: Deployment) -> None:
    segment_id, member, _ = segment_member_and_outsider(synced)
    lose_membership(synced, segment_id, member)

    synced.workspace.make_segment("New", Everyone())
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.INCOMPLETE, {"segment_made", None})
    assert found.unexplained == 1


def test_a_search_that_refuses_segments_explains_nothing_and_stops_nothing(synced: Deployment) -> None:
    segment_id, member, _ = segment_member_and_outsider(synced)
    lose_membership(synced, segment_id, member)

    synced.workspace.faults.status(400, times=None, path_prefix="/contacts/search")
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.INCOMPLETE, {None})


@pytest.mark.nightly
def test_after_days_of_changes_and_a_sync_everything_agrees_again(synced: Deployment) -> None:
    synced.workspace.live(days=2, churn=0.2, silent=0)
    synced.sync()

    found = verify(synced)

    assert (found.exit_code, found.differences) == (ExitCode.DONE, ())


def test_what_a_busy_day_changed_since_the_sync_has_explanations(make_synced: Callable[..., Deployment]) -> None:
    synced = make_synced()
    synced.workspace.live(days=1, churn=0.2, silent=0)
    found = verify(synced)

    assert reasons(found) >= {"contact_gone", "contact_updated"}
    assert found.agreeing + len(found.differences) == found.compared


@pytest.mark.nightly
def test_only_differences_cost_further_calls(deployment: Deployment) -> None:
    segment_id = deployment.workspace.make_segment("Tagged", Tagged("new"))
    deployment.sync()
    _, contact_id, _ = segment_member_and_outsider(deployment)
    deployment.workspace.advance(seconds=5)
    deployment.workspace.tag(contact_id, "new")

    before = deployment.workspace.calls.copy()
    found = verify(deployment)

    assert {one.segment_id for one in found.differences} >= {segment_id}
    assert deployment.workspace.calls - before == {"me": 1, "contact_segments": CONTACTS, "segments": 1, "contact": 1}


def test_a_new_segment_is_explained_by_one_call_however_large_it_is(synced: Deployment) -> None:
    synced.workspace.make_segment("New", Everyone())

    found = verify(synced)

    assert (len(found.differences), found.api_calls) == (CONTACTS, CONTACTS + 2)


def test_a_seed_chooses_the_same_contacts_again_and_another_seed_others(synced: Deployment) -> None:
    segment_id = synced.workspace.make_segment("New", Everyone())

    first, again, other = (verify(synced, sample=20, seed=seed) for seed in (7, 7, 8))

    assert first.contacts == len(first.differences) == 20
    assert pairs(first, in_intercom=True) == pairs(again, in_intercom=True) != pairs(other, in_intercom=True)
    assert {one.segment_id for one in first.differences} == {segment_id}


def test_a_new_contact_replaces_at_most_one_of_the_chosen() -> None:
    contacts = [f"contact-{number}" for number in range(500)]

    before, after = choose(contacts, 50, 7), choose([*contacts, "newcomer"], 50, 7)

    assert len(set(before) - set(after)) <= 1


@pytest.mark.nightly
def test_removed_contacts_are_not_chosen(synced: Deployment) -> None:
    _, member, _ = segment_member_and_outsider(synced)
    synced.workspace.delete(member)
    synced.sync(full=True)

    found = verify(synced)

    assert (found.contacts, found.contacts_gone, found.differences) == (CONTACTS - 1, 0, ())


@pytest.mark.nightly
def test_an_empty_workspace_verifies_and_says_that_nothing_was_compared(
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment = make_deployment(contacts=0)
    deployment.sync()

    found = verify(deployment)

    assert (found.exit_code, found.contacts, found.compared) == (ExitCode.DONE, 0, 0)


def test_only_the_journal_is_written(synced: Deployment) -> None:
    warehouse = synced.warehouse
    before = warehouse.file.read_bytes(), warehouse.published.read_bytes(), synced.cursor()

    synced.workspace.make_segment("New", Everyone())
    found = verify(synced)

    assert (warehouse.file.read_bytes(), warehouse.published.read_bytes(), synced.cursor()) == before
    run = list(read_journal(warehouse.journal))[-1]
    assert (run.run_id, run.command, run.outcome, run.api_calls) == (found.run_id, "verify", "done", found.api_calls)


def test_an_unexplained_difference_is_journaled_as_incomplete(synced: Deployment) -> None:
    segment_id, member, _ = segment_member_and_outsider(synced)
    lose_membership(synced, segment_id, member)

    verify(synced)

    assert list(read_journal(synced.warehouse.journal))[-1].outcome == "incomplete"


def test_a_sync_does_not_wait_while_intercom_is_read(synced: Deployment) -> None:
    outcomes = []

    @contextmanager
    def syncing(_: int) -> Iterator[Callable[[], None]]:
        with FileLock(synced.folder / "lock", timeout=0):
            outcomes.append("free")
        yield lambda: None

    verify(synced, track=syncing)

    assert outcomes == ["free"]


def test_every_contact_advances_the_progress_bar(synced: Deployment) -> None:
    moved: list[int] = []

    @contextmanager
    def counting(contacts: int) -> Iterator[Callable[[], None]]:
        yield lambda: moved.append(contacts)

    verify(synced, sample=40, track=counting)

    assert moved == [40] * 40


def test_without_a_warehouse_it_advises_to_sync_first(deployment: Deployment) -> None:
    with pytest.raises(Misconfigured, match="sync first") as stopped:
        verify(deployment)

    assert exit_code_of(stopped.value) == ExitCode.USAGE
    assert not deployment.folder.exists()


def test_a_name_that_never_synced_is_reported(synced: Deployment, make_deployment: Callable[..., Deployment]) -> None:
    with pytest.raises(Misconfigured, match="never synced under the name acme"):
        verify(make_deployment("acme"))


def test_another_workspaces_token_is_stopped(synced: Deployment) -> None:
    other = Workspace(contacts=10, workspace_id="other", monotonic=lambda: 0.0)

    with pytest.raises(SetupError, match="belongs to other"):
        verify(synced, transport=httpx.ASGITransport(create_app(other, limit=NO_QUOTA)))


def test_it_works_on_a_host_that_never_synced(synced: Deployment) -> None:
    shutil.rmtree(synced.folder / "pipelines")

    assert verify(synced).exit_code == ExitCode.DONE


def test_a_busy_warehouse_is_reported(synced: Deployment) -> None:
    with FileLock(synced.folder / "lock"), pytest.raises(Busy):
        verify(synced)

    assert list(read_journal(synced.warehouse.journal))[-1].outcome == "busy"


@pytest.mark.parametrize(("status", "error"), [(401, Refused), (500, Unavailable)])
def test_an_error_of_intercom_is_raised_as_itself(synced: Deployment, status: int, error: type[Exception]) -> None:
    synced.workspace.faults.status(status, times=None, path_prefix="/contacts/")
    with pytest.raises(error):
        verify(synced)


@pytest.mark.nightly
def test_another_version_of_intercom_verifies_too(deployment: Deployment) -> None:
    deployment.settings.api_version = "2.11"
    deployment.sync()
    _, lead, user = segment_member_and_outsider(deployment)

    deployment.workspace.merge(lead, user)
    found = verify(deployment)

    assert reasons(found) >= {"contact_gone"}
    assert found.exit_code == ExitCode.DONE


def test_the_command_prints_what_agrees_and_the_seed(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    ended = terminal.run("verify", "--sample", "40", "--seed", "7")

    assert ended.exit_code == 0, ended.errors
    assert "40 of 120 contacts compared (seed 7)" in ended.output
    assert ended.errors == ""


def test_the_command_answers_in_json_and_with_exit_code_6(terminal: Terminal) -> None:
    terminal.copy_first_sync()
    with duckdb.connect(str(terminal.folder / "warehouse.duckdb")) as connection:
        connection.execute(
            "delete from intercom_raw.membership_changes where contact_id = (select min(contact_id)"
            " from intercom_raw.membership_changes)"
        )

    ended = terminal.run("verify", "--sample", "1000", "--seed", "7", "--json")
    shown = terminal.run("verify", "--sample", "1000", "--seed", "7")

    found = json.loads(ended.output)
    assert ended.exit_code == shown.exit_code == found["exit_code"] == 6
    assert (found["seed"], found["contacts"]) == (7, 120)
    assert {(one["in_intercom"], one["explanation"]) for one in found["differences"]} == {(True, None)}
    assert shown.output.count("  unexplained\n") == len(found["differences"])
    assert "verify --sample 120 --seed 7" in shown.output


def test_the_command_groups_similar_differences(terminal: Terminal) -> None:
    terminal.copy_first_sync()
    segment_id = terminal.workspace.make_segment("New", Everyone())

    ended = terminal.run("verify")

    assert ended.exit_code == 0, ended.errors
    assert f"segment {segment_id}, 100 contacts: in Intercom, not in the warehouse" in ended.output


@pytest.mark.nightly
def test_the_command_reports_an_empty_warehouse(terminal: Terminal) -> None:
    for contact_id in list(terminal.workspace.contacts):
        terminal.workspace.delete(contact_id)
    terminal.run("sync")

    ended = terminal.run("verify")

    assert ended.exit_code == 0, ended.errors
    assert "nothing was compared" in ended.output


@pytest.mark.parametrize("arguments", [("--sample", "0"), ("--sample", "many"), ("--seed", "x")])
def test_an_impossible_sample_is_a_usage_error(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    assert terminal.run("verify", *arguments).exit_code == 2


def test_the_command_without_a_warehouse_advises_to_sync_first(terminal: Terminal) -> None:
    ended = terminal.run("verify")

    assert ended.exit_code == 2
    assert ended.is_one_paragraph
    assert "sync first" in " ".join(ended.errors.split())
