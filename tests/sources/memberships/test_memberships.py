"""Memberships after runs that read only what changed, and sweep only what must be swept."""

from collections.abc import Callable

import httpx
import pytest

from pipelines.errors import ExitCode
from sandbox.segments import Attribute
from sandbox.segments.rules import Tagged
from sandbox.world import Workspace
from sources.intercom.api import Unavailable

from ...support.deployments import SETTLED_SEGMENTS, Deployment, Settled
from ...support.interference import Meddling

UNREAD = ("none", "confirmed")
READ = ("cursor", "confirmed")
SWEPT = ("sweep", "complete")
# token, newest contact, segments, whether search accepts them, changed contacts, activity feed
CALLS_OF_ANY_RUN = 6
READS_ATTRIBUTES = 1
"""A run with contacts that changed reads the list of attributes, too."""


def every_segment(how: tuple[str, str], **others: tuple[str, str]) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(SETTLED_SEGMENTS, how) | others


def test_a_run_in_which_nothing_changed_makes_six_calls_and_reads_no_segment(settled: Settled) -> None:
    settled.workspace.calls.clear()

    outcome = settled.sync()

    assert settled.workspace.calls == {"me": 1, "search": 3, "segments": 1, "activities": 1}
    assert outcome.api_calls == CALLS_OF_ANY_RUN
    assert settled.scans() == every_segment(UNREAD)
    assert settled.changes() == set()
    assert settled.members() == settled.workspace.pairs()


def test_a_run_in_which_a_hundredth_changed_sweeps_nothing_and_equals_the_workspace(settled: Settled) -> None:
    workspace, people = settled.workspace, settled.people
    trial, paying = (sorted(workspace.members(settled.segments[name]))[-2] for name in ("Trial", "Paying"))
    workspace.untag(people[0], "crowd")
    workspace.tag(people[99], "crowd")
    workspace.update(trial, custom_attributes={"plan": "pro"})
    workspace.update(paying, custom_attributes={"plan": "free"})
    newcomer = workspace.sign_up(custom_attributes={"plan": "trial"})

    outcome = settled.sync()

    assert settled.changes() == {
        ("Crowd", people[0], False, "cursor"),
        ("Crowd", people[99], True, "cursor"),
        ("Trial", trial, False, "cursor"),
        ("Paying", trial, True, "cursor"),
        ("Paying", paying, False, "cursor"),
        ("Trial", newcomer, True, "cursor"),
        ("Everyone", newcomer, True, "cursor"),
    }
    assert settled.scans() == every_segment(READ)
    assert settled.members() == workspace.pairs()
    assert outcome.contacts_read == 6  # the five, and the one that the overlap reads again


def test_a_cursor_read_is_one_call_a_segment_and_one_lookup_of_possible_leavers(settled: Settled) -> None:
    for contact_id in settled.crowd[:3]:
        settled.workspace.untag(contact_id, "crowd")

    outcome = settled.sync()

    control = 1  # Crowd shows no member that could be the control, so the three are looked up without it, too
    assert outcome.api_calls == CALLS_OF_ANY_RUN + READS_ATTRIBUTES + len(SETTLED_SEGMENTS) + 1 + control


@pytest.mark.nightly
def test_the_overlap_reads_no_contact_again_if_none_changed_since(settled: Settled) -> None:
    settled.workspace.untag(settled.people[0], "crowd")
    settled.load()

    outcome = settled.sync()

    assert (outcome.contacts_read, outcome.api_calls) == (0, CALLS_OF_ANY_RUN)
    assert settled.scans() == every_segment(UNREAD)


@pytest.mark.nightly
def test_contacts_that_are_read_again_unchanged_are_not_looked_up_again(settled: Settled) -> None:
    settled.settings.api_version = "2.16"  # whose cursor reads whole days again
    settled.workspace.untag(settled.people[0], "crowd")
    settled.load()

    outcome = settled.sync()

    assert outcome.contacts_read > 0
    assert settled.scans() == every_segment(UNREAD)


def test_a_member_who_leaves_by_time_alone_makes_that_segment_swept_and_no_other(settled: Settled) -> None:
    settled.workspace.advance(hours=1)

    outcome = settled.sync()

    assert settled.scans() == every_segment(UNREAD, Renewed=SWEPT)
    assert settled.changes() == {("Renewed", settled.people[62], False, "sweep")}
    assert settled.members() == settled.workspace.pairs()
    assert outcome.api_calls == CALLS_OF_ANY_RUN + 4  # count, sweep, a lookup in the segment and in the workspace


@pytest.mark.nightly
def test_one_who_leaves_and_one_who_enters_by_time_alone_are_missed_until_the_next_sweep(settled: Settled) -> None:
    workspace, ageing = settled.workspace, settled.segments["Ageing"]
    workspace.advance(hours=3)
    settled.sync()
    missed = settled.members() ^ workspace.pairs()

    workspace.advance(hours=16)
    settled.sync()

    assert missed == {(ageing, settled.people[65]), (ageing, settled.people[66])}
    assert settled.scans() == every_segment(SWEPT, Renewed=UNREAD)  # it drifted, so the run before swept it
    assert settled.members() == workspace.pairs()


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("reported", "calls"),
    [(lambda size: size + 3, 0), (lambda _: None, len(SETTLED_SEGMENTS))],
    ids=["three too high", "null"],
)
def test_a_count_that_was_never_right_makes_no_segment_swept(
    settled: Settled, reported: Callable[[int], int | None], calls: int
) -> None:
    settled.workspace.reported_count = reported
    settled.load(full=True)
    settled.workspace.untag(settled.crowd[0], "crowd")

    changed = settled.load()
    unchanged = settled.sync()

    assert (changed.swept, unchanged.swept) == (0, 0)
    assert unchanged.api_calls == CALLS_OF_ANY_RUN + calls
    assert settled.scans() == every_segment(UNREAD)
    assert settled.members() == settled.workspace.pairs()


def test_a_count_that_lags_behind_costs_one_call_and_no_sweep(settled: Settled) -> None:
    crowd = len(settled.crowd)
    settled.workspace.reported_count = lambda size: size + 1 if size == crowd else size

    outcome = settled.sync()

    assert settled.scans() == every_segment(UNREAD)
    assert outcome.api_calls == CALLS_OF_ANY_RUN + 1


def test_an_edited_and_a_new_segment_are_swept_at_once_and_a_deleted_one_is_closed(settled: Settled) -> None:
    workspace, segments = settled.workspace, settled.segments
    workspace.edit_segment(segments["Trial"], Attribute("custom_attributes.plan", "=", "free"))
    workspace.delete_segment(segments["Paying"])
    segments["Made now"] = workspace.make_segment("Made now", Tagged("crowd"))

    outcome = settled.sync()

    others = {"Trial": SWEPT, "Paying": ("deleted", "complete"), "Made now": SWEPT}
    assert settled.scans() == every_segment(UNREAD, **others)
    assert settled.members() == workspace.pairs()
    assert outcome.exit_code == ExitCode.DONE


@pytest.mark.nightly
def test_a_cursor_read_that_never_adds_up_is_incomplete_and_swept_in_the_next_run(settled: Settled) -> None:
    workspace, crowd = settled.workspace, settled.segments["Crowd"]
    for contact_id in settled.crowd[:8]:
        workspace.update(contact_id, name="Changed")
    workspace.untag(settled.crowd[8], "crowd")
    workspace.faults.half_page(crowd, times=None)

    outcome = settled.sync()
    scans, changes = settled.scans(), settled.changes()
    workspace.faults.clear()
    settled.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert outcome.incomplete == {crowd: "does_not_add_up"}
    assert scans == every_segment(READ, Crowd=("cursor", "incomplete"))
    assert changes == set()
    assert settled.scans() == every_segment(UNREAD, Crowd=SWEPT)
    assert settled.members() == workspace.pairs()


def test_bad_pages_of_cursor_reads_record_no_leave_that_did_not_happen(settled: Settled) -> None:
    workspace, segments = settled.workspace, settled.segments
    for contact_id in settled.people:
        workspace.update(contact_id, name="Changed")
    workspace.faults.empty_page(segments["Trial"])
    workspace.faults.half_page(segments["Crowd"])
    workspace.faults.repeat_page(segments["Everyone"])
    workspace.faults.empty_page(segments["Paying"], keeps_next=False)

    outcome = settled.sync()

    assert settled.changes() == set()
    assert settled.scans() == every_segment(READ)
    assert outcome.exit_code == ExitCode.DONE


@pytest.mark.nightly
def test_a_contact_updated_again_in_the_second_in_which_it_was_read_is_looked_up_again(settled: Settled) -> None:
    workspace, member = settled.workspace, settled.crowd[0]
    workspace.update(member, name="Changed")
    leaving = Meddling(settled, settled.segments["Crowd"], lambda: workspace.untag(member, "crowd"))
    settled.job(transport=leaving).run()
    seen_at_first = settled.changes()

    settled.sync()

    assert seen_at_first == set()
    assert settled.changes() == {("Crowd", member, False, "cursor")}
    assert settled.scans() == every_segment(READ)


@pytest.mark.nightly
def test_contacts_that_move_while_segments_are_read_leave_none_that_they_are_in(settled: Settled) -> None:
    workspace = settled.workspace
    for contact_id in settled.people:
        workspace.update(contact_id, name="Changed")
    before = workspace.pairs()

    settled.sync(transport=Meddling(settled, '"updated_at","operator"', lambda: shuffle(settled)))
    false_leaves = (before & workspace.pairs()) - settled.members()
    settled.sync()

    assert false_leaves == set()
    assert settled.members() == workspace.pairs()


def shuffle(deployment: Settled) -> None:
    """Moves contacts in and out of segments, out of the workspace and into it."""
    workspace = deployment.workspace
    workspace.advance(seconds=1)
    trial, paying = (sorted(workspace.members(deployment.segments[name])) for name in ("Trial", "Paying"))
    for contact_id in trial[:5]:
        workspace.update(contact_id, custom_attributes={"plan": "pro"})
    for contact_id in paying[:5]:
        workspace.update(contact_id, custom_attributes={"plan": "trial"})
    for contact_id in deployment.crowd[:5]:
        workspace.untag(contact_id, "crowd")
    for contact_id in deployment.crowd[5:8]:
        workspace.delete(contact_id)
    for _ in range(3):
        workspace.tag(workspace.sign_up(), "crowd")


@pytest.mark.nightly
@pytest.mark.parametrize("version", ["2.14", "2.16"])
def test_where_search_knows_days_only_cursor_reads_on_both_sides_of_midnight_equal_the_workspace(
    make_deployment: Callable[..., Deployment], version: str
) -> None:
    deployment = make_deployment(segments=0)  # its days begin at 08:00 UTC, an hour before the workspace's clock does
    workspace, people = deployment.workspace, sorted(deployment.workspace.contacts)
    for name in ("Everyone", "Paying", "Trial", "Crowd"):
        workspace.make_segment(name, SETTLED_SEGMENTS[name])
    deployment.settings.api_version, deployment.settings.sweep_budget, deployment.settings.sweep_every = (
        version,
        0,
        1_000,
    )
    deployment.sync()
    swept, differences = [], []

    for hours in (22.9, 0.2):  # 23:54 and 00:06
        workspace.advance(hours=hours)
        workspace.tag(people.pop(), "crowd")
        workspace.update(people.pop(), custom_attributes={"plan": "pro"})
        workspace.update(people.pop(), custom_attributes={"plan": "trial"})
        outcome = deployment.sync()
        swept.append(outcome.swept)
        differences.append(deployment.members() ^ workspace.pairs())

    assert swept == [0, 0]
    assert differences == [set(), set()]


@pytest.mark.nightly
def test_a_collapse_found_by_a_cursor_read_is_believed_when_the_next_run_finds_it_too(settled: Settled) -> None:
    untag_most(settled.workspace, settled.crowd)

    first = settled.sync()
    held = settled.changes()
    second = settled.sync()

    assert first.incomplete == {settled.segments["Crowd"]: "shrunk"}
    assert held == set()
    assert second.exit_code == ExitCode.DONE
    assert settled.scans() == every_segment(UNREAD, Crowd=SWEPT)
    assert settled.members() == settled.workspace.pairs()


def test_a_collapse_found_by_a_cursor_read_is_believed_at_once_where_the_user_says_so(settled: Settled) -> None:
    untag_most(settled.workspace, settled.crowd)

    outcome = settled.sync(accept_shrink=True)

    assert outcome.exit_code == ExitCode.DONE
    assert settled.changes() == {("Crowd", contact_id, False, "cursor") for contact_id in settled.crowd[:50]}


def untag_most(workspace: Workspace, crowd: list[str]) -> None:
    """As an import with an empty column does."""
    for contact_id in crowd[:50]:
        workspace.untag(contact_id, "crowd")


@pytest.mark.nightly
def test_a_failed_run_between_two_cursor_reads_loses_no_change(settled: Settled) -> None:
    workspace, people = settled.workspace, settled.people
    workspace.untag(people[0], "crowd")
    settled.load()
    workspace.advance(hours=0.2)
    workspace.untag(people[1], "crowd")
    workspace.faults.status(503, times=None, path_prefix="/contacts/search")
    with pytest.raises(Unavailable):
        settled.sync()
    workspace.faults.clear()
    workspace.advance(hours=0.1)
    workspace.untag(people[2], "crowd")

    settled.sync()

    assert settled.changes() == {("Crowd", people[number], False, "cursor") for number in (1, 2)}
    assert settled.scans() == every_segment(READ)
    assert settled.members() == workspace.pairs()


def test_where_search_refuses_lookups_by_id_possible_leavers_are_looked_up_one_by_one(settled: Settled) -> None:
    workspace, people = settled.workspace, settled.people
    workspace.refuses.add("id IN")
    for contact_id in people[:3]:
        workspace.untag(contact_id, "crowd")
    workspace.update(people[3], name="Changed, and still there")
    workspace.calls.clear()

    settled.sync()

    assert settled.changes() == {("Crowd", contact_id, False, "cursor") for contact_id in people[:3]}
    assert settled.members() == workspace.pairs()
    assert workspace.calls["contact_segments"] == 3


@pytest.mark.nightly
def test_a_short_page_of_changed_contacts_loses_none_of_them(settled: Settled) -> None:
    workspace = settled.workspace
    for contact_id in settled.people[:200]:
        workspace.update(contact_id, name="Changed")
    workspace.advance(hours=1)
    workspace.update(settled.people[-1], name="The Newest")

    workspace.faults.half_page(page=2)
    settled.load()
    settled.sync()

    assert settled.query("select count(*) from intercom.contacts where name = 'Changed'") == [(200,)]


def test_an_empty_answer_to_the_question_for_the_newest_contact_moves_no_cursor_past_the_overlap(
    settled: Settled,
) -> None:
    settled.workspace.update(settled.people[0], name="Changed")
    second = int(settled.workspace.now().timestamp())

    settled.workspace.faults.empty_page(page=1)
    settled.sync()

    assert settled.cursor() <= second - 900


@pytest.mark.nightly
def test_without_an_overlap_an_update_in_the_second_of_the_mark_is_not_lost(settled: Settled) -> None:
    settled.settings.overlap = 0
    workspace, (first, second) = settled.workspace, settled.people[:2]
    workspace.update(first, name="Changed")

    meddling = Meddling(settled, '"updated_at","operator"', lambda: workspace.update(second, name="Changed"))
    settled.job(transport=meddling).run()
    workspace.advance(minutes=1)
    settled.sync()

    assert settled.query("select count(*) from intercom.contacts where name = 'Changed'") == [(2,)]


@pytest.mark.nightly
@pytest.mark.parametrize("version", ["Preview", "2.16", "2.14"])
def test_the_edit_and_the_deletion_of_a_segment_are_reasons(settled: Settled, version: str) -> None:
    settled.settings.api_version = version
    workspace, edited, deleted = settled.workspace, settled.segments["Paying"], settled.segments["Trial"]
    paying, trial = workspace.members(edited), workspace.members(deleted)

    workspace.edit_segment(edited, Attribute("custom_attributes.plan", "=", "free"))
    workspace.delete_segment(deleted)
    settled.sync()

    moved = settled.query(
        "select segment_id, contact_id, enter_reason, leave_reason from intercom.segment_memberships"
        " where not (is_current and is_baseline)"
    )
    assert set(moved) == {
        *((edited, contact_id, "baseline", "segment_edited") for contact_id in paying),
        *((edited, contact_id, "segment_edited", None) for contact_id in workspace.members(edited)),
        *((deleted, contact_id, "baseline", "segment_deleted") for contact_id in trial),
    }
    assert len(moved) == len(set(moved))
    assert all((paying, trial, workspace.members(edited)))


PER_CONTACT = "per_contact"


@pytest.mark.nightly
def test_where_search_refuses_segments_those_of_every_contact_are_read(deployment: Deployment) -> None:
    deployment.workspace.refuses.add("segment_id")

    outcome = deployment.sync()

    assert deployment.workspace.calls["contact_segments"] == len(deployment.workspace.contacts)
    assert deployment.members() == deployment.workspace.pairs()
    assert deployment.query("select distinct how, status from intercom_raw.segment_scans") == [
        (PER_CONTACT, "complete")
    ]
    assert [note for note in outcome.notes if "one by one" in note] == list(outcome.notes)
    assert len(outcome.notes) == 1


@pytest.mark.nightly
def test_contact_by_contact_changed_contacts_are_read_and_the_others_in_turn(settled: Settled) -> None:
    workspace = settled.workspace
    workspace.refuses.add("segment_id")
    settled.settings.sweep_budget = 100
    workspace.untag(settled.crowd[0], "crowd")
    workspace.delete(settled.crowd[1])
    workspace.calls.clear()

    read = []
    for sync in (settled.load, settled.load, settled.sync):
        sync()
        read.append(workspace.calls["contact_segments"])

    assert read == [102, 202, 302]  # those of the two that leave are read twice
    assert set(settled.scans().values()) == {(PER_CONTACT, "confirmed")}
    assert settled.members() == workspace.pairs()
    assert {(contact_id, reason) for _, contact_id, reason in settled.ended()} >= {
        (settled.crowd[0], "left"),
        (settled.crowd[1], "contact_deleted"),
    }


@pytest.mark.nightly
def test_contact_by_contact_a_change_by_time_alone_is_found_when_its_turn_comes(settled: Settled) -> None:
    workspace = settled.workspace
    workspace.refuses.add("segment_id")
    settled.settings.sweep_budget = 150
    before = workspace.pairs()
    workspace.advance(hours=4)

    settled.load()
    settled.sync()

    assert settled.members() == workspace.pairs() != before


class WithoutSegments(httpx.AsyncBaseTransport):
    """Says of every contact that it is in no segment."""

    def __init__(self, deployment: Deployment) -> None:
        self.inner = deployment.transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        is_list = request.url.path.startswith("/contacts/") and request.url.path.endswith("/segments")
        return httpx.Response(200, json={"type": "list", "data": []}) if is_list else response


@pytest.mark.parametrize("budget", [100_000, 100])
def test_contact_by_contact_lists_that_come_empty_end_no_membership_of_any_segment(
    settled: Settled, budget: int
) -> None:
    """Each small segment loses too few for its own guard, and a part of the contacts is too few for a large one's."""
    workspace, before = settled.workspace, settled.members()
    workspace.refuses.add("segment_id")
    settled.settings.sweep_budget = budget
    workspace.untag(settled.crowd[0], "crowd")

    outcome = settled.sync(transport=WithoutSegments(settled))

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert settled.members() == before
    assert set(outcome.incomplete.values()) <= {"shrunk", "does_not_add_up"}
    assert settled.sync().exit_code == ExitCode.DONE
    assert settled.members() == workspace.pairs()


@pytest.mark.nightly
def test_contact_by_contact_a_segment_that_is_edited_may_lose_all_members(settled: Settled) -> None:
    workspace, edited = settled.workspace, settled.segments["Crowd"]
    workspace.refuses.add("segment_id")
    workspace.edit_segment(edited, Attribute("custom_attributes.plan", "=", "none"))

    assert settled.sync(full=True).exit_code == ExitCode.DONE

    assert settled.members() == workspace.pairs()


@pytest.mark.nightly
def test_a_large_first_load_reads_every_contact_where_search_refuses_segments(
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment = make_deployment(contacts=900, segments=100)
    deployment.workspace.refuses.add("segment_id")

    deployment.sync()

    assert deployment.query("select count(*) from intercom_raw._dlt_loads") == [(2,)]  # contacts, then memberships
    assert deployment.members() == deployment.workspace.pairs()


class AfterList(httpx.AsyncBaseTransport):
    """Does something in the workspace right after the segment list was read."""

    def __init__(self, deployment: Settled, meddle: Callable[[], object]) -> None:
        self.inner, self.meddle = deployment.transport, [meddle]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if self.meddle and request.url.path == "/segments":
            self.meddle.pop()()
        return response


@pytest.mark.nightly
@pytest.mark.parametrize("quiet", [1, 3])
def test_a_sign_up_while_a_sweep_begins_hides_no_archiving_after_it(settled: Settled, quiet: int) -> None:
    workspace = settled.workspace
    settled.load(full=True, transport=AfterList(settled, lambda: workspace.tag(workspace.sign_up(), "crowd")))
    workspace.advance(hours=0.1)
    workspace.archive(settled.crowd[0])

    for _ in range(quiet):
        settled.sync()

    assert settled.members() == workspace.pairs()


@pytest.mark.nightly
def test_a_join_while_a_sweep_begins_hides_no_leave_by_time_alone(settled: Settled) -> None:
    workspace, now = settled.workspace, int(settled.workspace.now().timestamp())
    renewal = {"renewed_at": now}
    renewing = AfterList(settled, lambda: workspace.update(settled.people[200], custom_attributes=renewal))
    settled.load(full=True, transport=renewing)
    workspace.advance(hours=1)

    settled.sync()

    assert settled.members() == workspace.pairs()


class RefusesOne(httpx.AsyncBaseTransport):
    """Search refuses one segment."""

    def __init__(self, inner: httpx.AsyncBaseTransport, segment_id: str) -> None:
        self.inner, self.segment_id = inner, segment_id

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.segment_id.encode() in request.content:
            return httpx.Response(404, json={"type": "error.list", "errors": [{"code": "not_found"}]})
        return await self.inner.handle_async_request(request)


@pytest.mark.nightly
def test_a_segment_that_search_refuses_is_incomplete_by_itself(settled: Settled) -> None:
    refusing = RefusesOne(settled.transport, settled.segments["Crowd"])
    settled.workspace.untag(settled.crowd[0], "crowd")

    outcome = settled.sync(transport=refusing)
    refused = settled.scans()
    settled.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert outcome.incomplete == {settled.segments["Crowd"]: "refused"}
    assert refused == every_segment(READ, Crowd=("cursor", "incomplete"))
    assert settled.members() == settled.workspace.pairs()
