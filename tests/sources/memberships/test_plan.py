"""Which segments are swept: the plan, as a pure function of counts and ages."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.intercom.api import Segment, page_calls
from sources.intercom.memberships import LastSweep, Limits, Plan, Planned, RememberedSegment, plan
from sources.intercom.memberships.plan import is_suspect, must_be_swept

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EDITED_AT = 1_700_000_000
SWEEP_EVERY = timedelta(hours=20)
UNPROBLEMATIC = ("complete", "confirmed", "unconfirmed")


def listed(segment_id: str = "s", *, count: int | None = 300) -> Segment:
    return Segment(id=segment_id, updated_at=EDITED_AT, count=count)


def remembered(
    segment_id: str = "s", *, swept: timedelta = timedelta(hours=1), members: int = 300
) -> RememberedSegment:
    """A segment whose last sweep is `swept` ago."""
    sweep = LastSweep(NOW - swept, members, members)
    return RememberedSegment(
        segment_id, EDITED_AT, sweep.observed_at, "sweep", "complete", None, members=members, swept=sweep
    )


REASONS = {
    "never swept": None,
    "back in the list": replace(remembered(), how="deleted"),
    "incomplete in the run before": replace(remembered(), status="incomplete", problem="does_not_add_up"),
    "excluded in the run before": replace(remembered(), how="none", status="excluded"),
    "edited": replace(remembered(), updated_at=EDITED_AT - 1),
    "due": remembered(swept=SWEEP_EVERY + timedelta(seconds=1)),
}


def reason(before: RememberedSegment | None) -> str | None:
    return must_be_swept(listed(), before, now=NOW, sweep_every=SWEEP_EVERY)


@pytest.mark.parametrize("why", REASONS)
def test_a_segment_must_be_swept_and_the_plan_says_why(why: str) -> None:
    before = REASONS[why]

    todo = plan([listed()], {"s": before} if before else {}, now=NOW, limits=Limits(SWEEP_EVERY, 0))

    assert [(one.segment.id, one.why) for one in todo.sweeps] == [("s", why)]
    assert todo.rest == []


def test_a_segment_with_cursor_reads_only_was_never_swept() -> None:
    assert reason(replace(remembered(), swept=None, how="cursor", status="confirmed")) == "never swept"


@pytest.mark.parametrize("status", UNPROBLEMATIC)
def test_a_segment_swept_just_sweep_every_ago_need_not_be_swept(status: str) -> None:
    assert reason(replace(remembered(swept=SWEEP_EVERY), status=status)) is None


def test_a_full_run_sweeps_every_segment_with_any_budget() -> None:
    segments = [listed("old"), listed("new")]

    todo = plan(segments, {"old": remembered("old")}, now=NOW, limits=Limits(SWEEP_EVERY, 0), full=True)

    assert [(one.segment.id, one.why) for one in todo.sweeps] == [("old", "asked for"), ("new", "never swept")]


def test_an_empty_segment_costs_a_call_and_a_full_page_no_second_one() -> None:
    assert [page_calls(members) for members in (0, 1, 150, 151, 300)] == [1, 1, 1, 2, 2]


def test_a_sweep_is_expected_to_cost_what_the_larger_of_both_counts_says() -> None:
    counts = {"theirs": 900, "ours": None}

    todo = plan(
        [listed(segment_id, count=count) for segment_id, count in counts.items()],
        {segment_id: remembered(segment_id, members=450) for segment_id in counts},
        now=NOW,
        limits=Limits(SWEEP_EVERY, 0),
    )

    assert [(one.segment.id, one.sweep_calls) for one in todo.rest] == [("theirs", 6), ("ours", 3)]
    assert (todo.sweep_calls, todo.drift_calls) == (0, 9)


Known = tuple[Segment, RememberedSegment | None]
"""A listed segment, and what is remembered of it."""

sizes = st.integers(0, 1_000)
budgets = st.integers(0, 60)


@st.composite
def workspaces(draw: st.DrawFn) -> list[Known]:
    """Up to twelve segments, of which about half have to be swept."""
    known: list[Known] = []
    for number in range(draw(st.integers(0, 12))):
        segment = listed(f"s{number}", count=draw(sizes))
        before = remembered(segment.id, swept=timedelta(minutes=draw(st.integers(0, 40 * 60))), members=draw(sizes))
        known.append((segment, draw(st.sampled_from([None, before, before, before]))))
    return known


@given(workspaces(), budgets)
def test_sweeps_and_the_rest_are_the_list_each_segment_once(known: list[Known], budget: int) -> None:
    todo = planned(known, budget)

    assert sorted(one.segment.id for one in [*todo.sweeps, *todo.rest]) == sorted(segment.id for segment, _ in known)


@given(workspaces(), budgets)
def test_required_sweeps_do_not_depend_on_the_budget(known: list[Known], budget: int) -> None:
    todo = planned(known, budget)

    assert {one.segment.id for one in todo.sweeps if is_must(one)} == {
        segment.id for segment, before in known if reason(before)
    }


@given(workspaces(), budgets)
def test_sweeps_that_need_not_be_never_exceed_what_the_others_leave_of_the_budget(
    known: list[Known], budget: int
) -> None:
    todo = planned(known, budget)

    assert todo.sweep_calls <= max(budget, sum(one.sweep_calls for one in todo.sweeps if is_must(one)))


@given(workspaces(), budgets)
def test_a_segment_waits_only_for_those_that_must_be_swept_and_those_swept_longer_ago(
    known: list[Known], budget: int
) -> None:
    todo = planned(known, budget)

    for waiting in todo.rest:
        before_it = [one for one in todo.sweeps if is_must(one) or swept_at(one) <= swept_at(waiting)]
        assert sum(one.sweep_calls for one in before_it) + waiting.sweep_calls > budget


def planned(known: Sequence[Known], budget: int) -> Plan:
    memory = {segment.id: before for segment, before in known if before}
    return plan([segment for segment, _ in known], memory, now=NOW, limits=Limits(SWEEP_EVERY, budget))


def is_must(one: Planned) -> bool:
    return one.why != "within the budget"


def swept_at(one: Planned) -> datetime:
    assert one.before is not None
    assert one.before.swept is not None
    return one.before.swept.observed_at


@given(st.lists(st.integers(-600, 600), min_size=60, max_size=60))
def test_a_daily_cron_sweeps_every_segment_every_day_though_it_starts_ten_minutes_early_or_late(
    jitter: list[int],
) -> None:
    memory = {"s": remembered(swept=timedelta(0))}
    limits = Limits(SWEEP_EVERY, sweep_budget=0)

    swept = 0
    for day, seconds in enumerate(jitter, start=1):
        now = NOW + timedelta(days=day, seconds=seconds)
        swept += len(plan([listed()], memory, now=now, limits=limits).sweeps)
        memory = {"s": replace(remembered(), swept=LastSweep(now, 300, 300))}

    assert swept == 60


def test_segments_too_many_for_the_budget_take_turns() -> None:
    swept = {f"s{number}": timedelta(minutes=number) for number in range(1, 7)}
    turns: list[set[str]] = []

    for _ in range(3):
        known = [(listed(key), remembered(key, swept=ago)) for key, ago in swept.items()]
        turns.append({one.segment.id for one in planned(known, budget=4).sweeps})
        swept = {key: timedelta(0) if key in turns[-1] else ago for key, ago in swept.items()}
        swept = {key: ago + timedelta(hours=1) for key, ago in swept.items()}

    assert turns == [{"s6", "s5"}, {"s4", "s3"}, {"s2", "s1"}]


@given(members=sizes, changes=st.integers(-50, 50), offset=st.integers(-5, 5))
def test_a_count_that_is_always_as_much_too_high_is_never_suspect(members: int, changes: int, offset: int) -> None:
    before = replace(remembered(), swept=LastSweep(NOW, members + offset, members))

    assert not is_suspect(members + changes + offset, before, members + changes)


@given(members=sizes, changes=st.integers(-50, 50), missed=st.integers(1, 50), sign=st.sampled_from([-1, 1]))
def test_a_count_that_moved_otherwise_than_the_log_is_suspect(
    members: int, changes: int, missed: int, sign: int
) -> None:
    before = replace(remembered(), swept=LastSweep(NOW, members, members))

    assert is_suspect(members + changes + sign * missed, before, members + changes)


@pytest.mark.parametrize(
    ("now", "then"), [(None, 300), (300, None), (None, None)], ids=["null now", "null then", "always null"]
)
def test_a_count_that_cannot_be_compared_is_suspect(now: int | None, then: int | None) -> None:
    before = replace(remembered(), swept=LastSweep(NOW, then, 300))

    assert is_suspect(now, before, 300)
