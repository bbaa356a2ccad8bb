"""Promises of verify: what it finds, how it explains it, and that it changes nothing."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from filelock import FileLock

from pipelines import journal
from pipelines.errors import Busy, ExitCode, Misconfigured, exit_code_of
from pipelines.verify import Verification, Verify, draw
from sandbox import Workspace, create_app, serving
from sandbox.rules import Everyone, OlderThan, Tagged
from sources.intercom.client import Refused, Unavailable

from .conftest import AT_ONCE, NO_QUOTA, House
from .test_cli import TOKEN, Terminal

ALL = 1_000_000


def verify(house: House, **options: Any) -> Verification:
    defaults: dict[str, Any] = {
        "sample": ALL,
        "clock": house.workspace.now,
        "transport": house.transport,
        "retries": AT_ONCE,
    }
    return Verify(house.warehouse, house.settings, house.name, **(defaults | options)).run()


def reasons(found: Verification) -> set[str | None]:
    return {difference.explanation.reason if difference.explanation else None for difference in found.differences}


def pairs(found: Verification, *, in_intercom: bool) -> set[tuple[str, str]]:
    return {(one.segment_id, one.contact_id) for one in found.differences if one.in_intercom == in_intercom}


def damage(house: House, sql: str, *values: object) -> None:
    with duckdb.connect(str(house.warehouse.file)) as connection:
        connection.execute(sql, list(values))


def forget_membership(house: House, segment_id: str, contact_id: str) -> None:
    damage(
        house,
        "delete from intercom_raw.membership_changes where segment_id = ? and contact_id = ?",
        segment_id,
        contact_id,
    )


def make_up_membership(house: House, segment_id: str, contact_id: str) -> None:
    damage(
        house,
        "insert into intercom_raw.membership_changes by name select * replace (? as contact_id)"
        " from intercom_raw.membership_changes where segment_id = ? limit 1",
        contact_id,
        segment_id,
    )


def a_segment(house: House) -> tuple[str, str, str]:
    """A segment, one of its members, and somebody who is not in it."""
    everyone = house.workspace.contacts.keys()
    sizes = {one: house.workspace.members(one) for one in house.workspace.segments}
    segment_id = next(one for one, members in sizes.items() if 10 < len(members) < len(everyone))
    return segment_id, min(sizes[segment_id]), min(everyone - sizes[segment_id])


def test_a_fresh_sync_verifies_in_full_with_one_call_a_contact(synced: House) -> None:
    found = verify(synced)

    assert (found.exit_code, found.differences) == (ExitCode.DONE, ())
    assert found.contacts == found.contacts_known == 300
    assert found.agreeing == found.compared == len(synced.workspace.pairs())
    assert found.api_calls == 300 + 1


def test_a_deleted_contact_is_explained(synced: House) -> None:
    _, member, _ = a_segment(synced)
    held = {pair for pair in synced.workspace.pairs() if pair[1] == member}

    synced.workspace.delete(member)
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"contact_gone"})
    assert found.contacts_gone == 1
    assert pairs(found, in_intercom=False) == held


def test_a_merged_contact_is_explained_by_whom_it_became(synced: House) -> None:
    _, lead, user = a_segment(synced)

    synced.workspace.merge(lead, user)
    found = verify(synced)

    told = {one.explanation.words for one in found.differences if one.explanation and one.contact_id == lead}
    assert found.exit_code == ExitCode.DONE
    assert told == {f"the contact was merged into {user} since the last sync"}


def test_an_updated_contact_is_explained(house: House) -> None:
    segment_id = house.workspace.make_segment("Tagged", Tagged("new"))
    house.sync()
    _, contact_id, _ = a_segment(house)

    house.workspace.advance(seconds=5)
    house.workspace.tag(contact_id, "new")
    found = verify(house)

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"contact_updated"})
    assert (segment_id, contact_id) in pairs(found, in_intercom=True)


def test_a_new_segment_is_explained(synced: House) -> None:
    segment_id = synced.workspace.make_segment("New", Everyone())
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"segment_made"})
    assert pairs(found, in_intercom=True) == {(segment_id, one) for one in synced.workspace.contacts}


def test_an_edited_segment_is_explained(synced: House) -> None:
    segment_id, *_ = a_segment(synced)
    before = synced.workspace.members(segment_id)

    synced.workspace.advance(seconds=5)
    synced.workspace.edit_segment(segment_id, Everyone())
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"segment_edited"})
    assert {contact_id for _, contact_id in pairs(found, in_intercom=True)} == synced.workspace.contacts.keys() - before


def test_a_deleted_segment_is_explained(synced: House) -> None:
    segment_id, *_ = a_segment(synced)
    before = synced.workspace.members(segment_id)

    synced.workspace.delete_segment(segment_id)
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"segment_deleted"})
    assert pairs(found, in_intercom=False) == {(segment_id, contact_id) for contact_id in before}


def test_a_segment_that_the_list_only_leaves_out_is_not_taken_for_deleted(synced: House) -> None:
    for segment_id in synced.workspace.segments:
        forget_membership(synced, segment_id, min(synced.workspace.members(segment_id), default=""))

    synced.workspace.faults.half_segment_list()
    found = verify(synced)

    assert reasons(found) == {None}


def test_a_segment_that_the_last_sync_could_not_read_is_explained(synced: House) -> None:
    segment_id, *_ = a_segment(synced)
    synced.workspace.advance(days=1)
    synced.workspace.faults.half_page(segment_id, times=None)
    incomplete = synced.sync()
    _, _, outsider = a_segment(synced)
    make_up_membership(synced, segment_id, outsider)

    found = verify(synced)

    assert set(incomplete.incomplete) == {segment_id}
    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"segment_unread"})


class Contradicting(httpx.AsyncBaseTransport):
    """An Intercom whose list of a contact's segments lacks one that its search tells."""

    def __init__(self, inner: httpx.AsyncBaseTransport, segment_id: str, contact_id: str) -> None:
        self.inner, self.segment_id, self.path = inner, segment_id, f"/contacts/{contact_id}/segments"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if request.url.path != self.path:
            return response
        told = json.loads(await response.aread())
        told["data"] = [one for one in told["data"] if one["id"] != self.segment_id]
        return httpx.Response(200, json=told)


def test_two_answers_of_intercoms_that_differ_are_explained(synced: House) -> None:
    segment_id, member, _ = a_segment(synced)

    found = verify(synced, transport=Contradicting(synced.transport, segment_id, member))

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"search_agrees"})
    assert pairs(found, in_intercom=False) == {(segment_id, member)}


class Hiding(httpx.AsyncBaseTransport):
    """An Intercom whose search does not find a contact by id where `where` is asked about, too."""

    def __init__(self, inner: httpx.AsyncBaseTransport, contact_id: str, where: str) -> None:
        self.inner, self.contact_id, self.where = inner, contact_id.encode(), where.encode()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = request.content
        if self.where in body:
            body = body.replace(self.contact_id, b"0" * len(self.contact_id))
        return await self.inner.handle_async_request(
            httpx.Request(request.method, request.url, headers=request.headers, content=body)
        )


@pytest.mark.parametrize("alone", [True, False])
def test_a_contact_whom_search_does_not_show_in_the_segment_is_explained(house: House, alone: bool) -> None:
    segment_id, member, _ = a_segment(house)
    if alone:
        house.workspace.tag(member, "alone")
        segment_id = house.workspace.make_segment("Alone", Tagged("alone"))
    house.sync()
    forget_membership(house, segment_id, member)

    found = verify(house, transport=Hiding(house.transport, member, where=segment_id))

    assert (found.exit_code, reasons(found)) == (ExitCode.DONE, {"search_agrees"})
    assert pairs(found, in_intercom=True) == {(segment_id, member)}


def test_a_contact_whom_search_shows_nowhere_is_not_explained_by_that(house: House) -> None:
    _, member, _ = a_segment(house)
    house.workspace.tag(member, "alone")
    segment_id = house.workspace.make_segment("Alone", Tagged("alone"))
    house.sync()
    forget_membership(house, segment_id, member)

    found = verify(house, transport=Hiding(house.transport, member, where="id"))

    assert reasons(found) == {None}


def test_an_answer_that_does_not_add_up_explains_nothing(synced: House) -> None:
    segment_id, member, _ = a_segment(synced)
    forget_membership(synced, segment_id, member)

    synced.workspace.faults.empty_page(segment_id, times=None)
    found = verify(synced)

    assert reasons(found) == {None}


def test_people_who_came_by_time_alone_are_explained(house: House) -> None:
    segment_id = house.workspace.make_segment("Here for years", OlderThan("created_at", 0.5))
    newcomer = house.workspace.sign_up()
    house.sync()

    house.workspace.advance(days=1)
    found = verify(house)

    explanations = {one.explanation for one in found.differences if one.segment_id == segment_id}
    assert (segment_id, newcomer) in pairs(found, in_intercom=True)
    assert {one.reason for one in explanations if one} == {"size_moved"}
    assert "the last look at 2026-03-02 09:00:01 UTC" in "".join(one.words for one in explanations if one)


def test_a_row_that_the_log_lost_does_not_pass_for_somebody_who_left(synced: House) -> None:
    segment_id, member, _ = a_segment(synced)

    forget_membership(synced, segment_id, member)
    found = verify(synced)

    assert found.exit_code == ExitCode.INCOMPLETE
    assert [(one.segment_id, one.contact_id, one.explanation) for one in found.differences] == [
        (segment_id, member, None)
    ]


def test_two_members_exchanged_in_the_warehouse_are_unexplained(synced: House) -> None:
    segment_id, member, outsider = a_segment(synced)

    forget_membership(synced, segment_id, member)
    make_up_membership(synced, segment_id, outsider)
    found = verify(synced)

    assert (found.exit_code, found.unexplained) == (ExitCode.INCOMPLETE, 2)
    assert pairs(found, in_intercom=True) == {(segment_id, member)}
    assert pairs(found, in_intercom=False) == {(segment_id, outsider)}


def test_one_unexplained_difference_among_explained_ones_counts(synced: House) -> None:
    segment_id, member, _ = a_segment(synced)
    forget_membership(synced, segment_id, member)

    synced.workspace.make_segment("New", Everyone())
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.INCOMPLETE, {"segment_made", None})
    assert found.unexplained == 1


def test_a_search_that_knows_no_segments_explains_nothing_and_stops_nothing(synced: House) -> None:
    segment_id, member, _ = a_segment(synced)
    forget_membership(synced, segment_id, member)

    synced.workspace.faults.status(400, times=None, path_prefix="/contacts/search")
    found = verify(synced)

    assert (found.exit_code, reasons(found)) == (ExitCode.INCOMPLETE, {None})


def test_after_any_day_of_life_and_a_sync_everything_agrees_again(synced: House) -> None:
    synced.workspace.live(days=2, churn=0.2, silent=0)
    synced.sync()

    found = verify(synced)

    assert (found.exit_code, found.differences) == (ExitCode.DONE, ())


def test_what_a_busy_day_changed_since_the_sync_has_explanations(synced: House) -> None:
    synced.workspace.live(days=1, churn=0.2, silent=0)
    found = verify(synced)

    assert reasons(found) >= {"contact_gone", "contact_updated"}
    assert found.agreeing + len(found.differences) == found.compared


def test_only_what_differs_is_asked_about_again(house: House) -> None:
    segment_id = house.workspace.make_segment("Tagged", Tagged("new"))
    house.sync()
    _, contact_id, _ = a_segment(house)
    house.workspace.advance(seconds=5)
    house.workspace.tag(contact_id, "new")

    asked = house.workspace.calls.copy()
    found = verify(house)

    assert {one.segment_id for one in found.differences} >= {segment_id}
    assert house.workspace.calls - asked == {"me": 1, "contact_segments": 300, "segments": 1, "contact": 1}


def test_a_new_segment_is_explained_by_one_call_however_many_are_in_it(synced: House) -> None:
    synced.workspace.make_segment("New", Everyone())

    found = verify(synced)

    assert (len(found.differences), found.api_calls) == (300, 300 + 2)


def test_a_seed_draws_the_same_contacts_again_and_another_seed_others(synced: House) -> None:
    segment_id = synced.workspace.make_segment("New", Everyone())

    first, again, other = (verify(synced, sample=20, seed=seed) for seed in (7, 7, 8))

    assert first.contacts == len(first.differences) == 20
    assert pairs(first, in_intercom=True) == pairs(again, in_intercom=True) != pairs(other, in_intercom=True)
    assert {one.segment_id for one in first.differences} == {segment_id}


def test_a_contact_that_came_takes_the_place_of_one_drawn_at_most() -> None:
    contacts = [f"contact-{number}" for number in range(500)]

    before, after = draw(contacts, 50, 7), draw([*contacts, "newcomer"], 50, 7)

    assert len(set(before) - set(after)) <= 1


def test_removed_contacts_are_not_drawn(synced: House) -> None:
    _, member, _ = a_segment(synced)
    synced.workspace.delete(member)
    synced.sync(full=True)

    found = verify(synced)

    assert (found.contacts, found.contacts_gone, found.differences) == (299, 0, ())


def test_an_empty_workspace_verifies_and_says_that_nothing_was_compared(new_house: Callable[..., House]) -> None:
    house = new_house(contacts=0)
    house.sync()

    found = verify(house)

    assert (found.exit_code, found.contacts, found.compared) == (ExitCode.DONE, 0, 0)


def test_nothing_but_the_journal_is_written(synced: House) -> None:
    warehouse = synced.warehouse
    before = warehouse.file.read_bytes(), warehouse.published.read_bytes(), synced.cursor()

    synced.workspace.make_segment("New", Everyone())
    found = verify(synced)

    assert (warehouse.file.read_bytes(), warehouse.published.read_bytes(), synced.cursor()) == before
    run = list(journal.read(warehouse.journal))[-1]
    assert (run.run_id, run.command, run.outcome, run.api_calls) == (found.run_id, "verify", "done", found.api_calls)


def test_an_unexplained_difference_is_journaled_as_incomplete(synced: House) -> None:
    segment_id, member, _ = a_segment(synced)
    forget_membership(synced, segment_id, member)

    verify(synced)

    assert list(journal.read(synced.warehouse.journal))[-1].outcome == "incomplete"


def test_no_sync_has_to_wait_while_intercom_is_asked(synced: House) -> None:
    outcomes = []

    @contextmanager
    def syncing(_: int) -> Iterator[Callable[[], None]]:
        with FileLock(synced.folder / "lock", timeout=0):
            outcomes.append("free")
        yield lambda: None

    verify(synced, track=syncing)

    assert outcomes == ["free"]


def test_every_contact_asked_about_moves_the_bar(synced: House) -> None:
    moved: list[int] = []

    @contextmanager
    def counting(contacts: int) -> Iterator[Callable[[], None]]:
        yield lambda: moved.append(contacts)

    verify(synced, sample=40, track=counting)

    assert moved == [40] * 40


def test_without_a_warehouse_it_says_to_sync_first(house: House) -> None:
    with pytest.raises(Misconfigured, match="sync first") as stopped:
        verify(house)

    assert exit_code_of(stopped.value) == ExitCode.USAGE
    assert not house.folder.exists()


def test_a_name_that_was_never_synced_is_told(synced: House, new_house: Callable[..., House]) -> None:
    with pytest.raises(Misconfigured, match="never synced under the name acme"):
        verify(new_house("acme"))


def test_another_workspaces_token_is_stopped(synced: House) -> None:
    other = Workspace(contacts=10, workspace_id="other", monotonic=lambda: 0.0)

    with pytest.raises(Misconfigured, match="belongs to other"):
        verify(synced, transport=httpx.ASGITransport(create_app(other, limit=NO_QUOTA)))


def test_a_host_that_never_synced_knows_the_warehouse_by_its_own_words(synced: House) -> None:
    shutil.rmtree(synced.folder / "pipelines")

    assert verify(synced).exit_code == ExitCode.DONE


def test_a_busy_warehouse_is_told(synced: House) -> None:
    with FileLock(synced.folder / "lock"), pytest.raises(Busy):
        verify(synced)

    assert list(journal.read(synced.warehouse.journal))[-1].outcome == "busy"


@pytest.mark.parametrize(("status", "error"), [(401, Refused), (500, Unavailable)])
def test_what_intercom_says_no_to_is_raised_as_itself(synced: House, status: int, error: type[Exception]) -> None:
    synced.workspace.faults.status(status, times=None, path_prefix="/contacts/")
    with pytest.raises(error):
        verify(synced)


def test_another_version_of_intercom_verifies_too(house: House) -> None:
    house.settings.api_version = "2.11"
    house.sync()
    _, lead, user = a_segment(house)

    house.workspace.merge(lead, user)
    found = verify(house)

    assert reasons(found) >= {"contact_gone"}
    assert found.exit_code == ExitCode.DONE


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    workspace = Workspace(contacts=120, segments=6, token=TOKEN)
    with serving(create_app(workspace, limit=NO_QUOTA)) as url:
        yield Terminal(tmp_path / "data", workspace, url)


def test_the_command_tells_what_agrees_and_the_seed(terminal: Terminal) -> None:
    terminal.run("sync")

    ended = terminal.run("verify", "--sample", "40", "--seed", "7")

    assert ended.exit_code == 0, ended.errors
    assert "40 of 120 contacts asked about (seed 7)" in ended.output
    assert ended.errors == ""


def test_the_command_answers_in_json_and_with_exit_code_6(terminal: Terminal) -> None:
    terminal.run("sync")
    with duckdb.connect(str(terminal.folder / "warehouse.duckdb")) as connection:
        connection.execute(
            "delete from intercom_raw.membership_changes where contact_id = (select min(contact_id)"
            " from intercom_raw.membership_changes)"
        )

    ended = terminal.run("verify", "--sample", "1000", "--seed", "7", "--json")
    told = terminal.run("verify", "--sample", "1000", "--seed", "7")

    found = json.loads(ended.output)
    assert ended.exit_code == told.exit_code == found["exit_code"] == 6
    assert (found["seed"], found["contacts"]) == (7, 120)
    assert {(one["in_intercom"], one["explanation"]) for one in found["differences"]} == {(True, None)}
    assert told.output.count("nothing explains it") == len(found["differences"])
    assert "verify --sample 120 --seed 7" in told.output


def test_the_command_tells_alike_differences_together(terminal: Terminal) -> None:
    terminal.run("sync")
    segment_id = terminal.workspace.make_segment("New", Everyone())

    ended = terminal.run("verify")

    assert ended.exit_code == 0, ended.errors
    assert f"segment {segment_id}, 100 contacts: in Intercom, not in the warehouse" in ended.output


def test_the_command_tells_an_empty_warehouse(terminal: Terminal) -> None:
    for contact_id in list(terminal.workspace.contacts):
        terminal.workspace.delete(contact_id)
    terminal.run("sync")

    ended = terminal.run("verify")

    assert ended.exit_code == 0, ended.errors
    assert "nothing was compared" in ended.output


@pytest.mark.parametrize("arguments", [("--sample", "0"), ("--sample", "many"), ("--seed", "x")])
def test_a_sample_that_cannot_be_is_a_usage_error(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    assert terminal.run("verify", *arguments).exit_code == 2


def test_the_command_without_a_warehouse_says_to_sync_first(terminal: Terminal) -> None:
    ended = terminal.run("verify")

    assert ended.exit_code == 2
    assert ended.is_one_paragraph
    assert "sync first" in " ".join(ended.errors.split())
