"""Segments of companies: their history equals the workspace's, and no answer alone ends a membership."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.commands.repair import Repair
from pipelines.errors import ExitCode
from sandbox.lists import Workplace

from ...support.deployments import Deployment, after_first_run, lively_workspace
from ...support.nightly import nightly, nightly_except

Pair = tuple[str, str]
"""A segment and a company."""
FIRST, SECOND, THIRD = "company-segment-1", "company-segment-2", "company-segment-3"


def deployed(folder: Path, *, version: str = "Preview", **options: Any) -> Deployment:
    workspace = lively_workspace(**({"contacts": 5, "segments": 2, "companies": 40} | options))
    deployment = Deployment(folder, workspace, resources=("companies",))
    deployment.settings.api_version = version
    return deployment


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Synced once: ten companies in each of the three segments."""
    deployment = after_first_run("companies in segments", deployed, tmp_path / "data")
    deployment.workspace.advance(days=1)
    return deployment


def place_of(deployment: Deployment) -> Workplace:
    return deployment.workspace.lists


def pairs_of(deployment: Deployment) -> set[Pair]:
    place = place_of(deployment)
    return {(segment, company) for company in place["companies"].of() for segment in place.segments_of(company)}


def members_of(deployment: Deployment) -> set[Pair]:
    rows = deployment.query("select segment_id, company_id from intercom.company_segment_memberships where is_current")
    assert len(rows) == len(set(rows))
    return set(rows)


def left(deployment: Deployment) -> list[tuple[Any, ...]]:
    return deployment.query(
        "select segment_id, company_id, leave_reason from intercom.company_segment_memberships where not is_current "
        "order by all"
    )


def scans_of(deployment: Deployment) -> dict[str, tuple[Any, ...]]:
    rows = deployment.query(
        "select segment_id, how, status, problem, fetched, members from intercom_raw.company_segment_scans "
        "where run_id = (select max(run_id) from intercom_raw.company_segment_scans)"
    )
    return {segment_id: tuple(rest) for segment_id, *rest in rows}


# The history


class Spell(NamedTuple):
    """A spell as it should be, by days and reasons."""

    segment_id: str
    company_id: str
    number: int
    entered_on: date
    enter_reason: str
    left_on: date | None = None
    leave_reason: str | None = None


class Witness:
    """Follows the workspace itself, and works out the spells without the product."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._edits: dict[str, int] = {}
        self._known: set[str] = set()
        self.spells: dict[Pair, list[Spell]] = {}
        self.days: dict[date, set[Pair]] = {}

    def look(self) -> None:
        """To be called after each sync of a new day."""
        place, today = place_of(self._deployment), self._deployment.workspace.now().date()
        there = pairs_of(self._deployment)
        edits = {key: one["updated_at"] for key, one in place.company_segments.items()}
        edited = {key for key, second in edits.items() if self._edits.get(key, second) != second}
        self._edits |= {segment_id: edits[segment_id] for segment_id, _ in there}
        current = {pair for pair, spells in self.spells.items() if spells[-1].left_on is None}
        for segment_id, company_id in there - current:
            before = self.spells.setdefault((segment_id, company_id), [])
            reason = "segment_edited" if segment_id in edited else "joined"
            reason = reason if segment_id in self._known else "baseline"
            before.append(Spell(segment_id, company_id, len(before) + 1, today, reason))
        for pair in current - there:
            self.spells[pair][-1] = self.spells[pair][-1]._replace(left_on=today, leave_reason=self._why(pair, edited))
        self._known |= {segment_id for segment_id, _ in there}
        self.days[today] = there

    def _why(self, pair: Pair, edited: set[str]) -> str:
        place = place_of(self._deployment)
        if pair[0] not in place.company_segments:
            return "segment_deleted"
        if pair[1] not in place["companies"].of():
            return "company_deleted"
        return "segment_edited" if pair[0] in edited else "left"


def assert_history(deployment: Deployment, witness: Witness) -> None:
    spells = deployment.query(
        "select segment_id, company_id, spell_number, entered_on, enter_reason, left_on, leave_reason "
        "from intercom.company_segment_memberships"
    )
    assert {Spell(*row) for row in spells} == {spell for spells in witness.spells.values() for spell in spells}
    snapshots = deployment.query(
        "select observed_on, segment_id, company_id from intercom.company_segment_membership_snapshots"
    )
    assert len(snapshots) == len(set(snapshots))
    assert set(snapshots) == {(day, *pair) for day, pairs in witness.days.items() for pair in pairs}
    sizes = deployment.query("select segment_id, member_count from intercom.segments where person_type = 'company'")
    last = witness.days[max(witness.days)]
    assert {key: size for key, size in sizes if size} == Counter(segment_id for segment_id, _ in last)


Change = Callable[[Workplace, int, int], object]
"""Of the lists, the time, and a number."""


def nth(found: list[str], number: int) -> str:
    return found[number % len(found)]


def move(place: Workplace, now: int, number: int) -> None:
    segments = sorted(place.company_segments)
    place.move_company(nth(list(place["companies"].of()), number), *segments[: number % 3])


CHANGES: dict[str, Change] = {
    "move": move,
    "add": lambda place, now, number: place.add_company(10_000 + number, now),
    "delete": lambda place, now, number: place.delete_company(nth(list(place["companies"].of()), number)),
    "edit": lambda place, now, number: (
        place.edit_company_segment(nth(sorted(place.company_segments), number), now) if place.company_segments else None
    ),
    "delete segment": lambda place, now, number: (
        place.delete_company_segment(nth(sorted(place.company_segments), number)) if place.company_segments else None
    ),
}
ONE_CHANGE = st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0, 999))
FREQUENT_MOVES = st.tuples(st.just("move"), st.integers(0, 999))


@pytest.mark.nightly
@settings(max_examples=8)
@given(days=st.lists(st.lists(ONE_CHANGE | FREQUENT_MOVES, max_size=8), min_size=1, max_size=4))
def test_the_history_of_random_lives_is_that_of_the_workspace(
    tmp_path_factory: pytest.TempPathFactory, days: list[list[tuple[str, int]]]
) -> None:
    deployment = deployed(tmp_path_factory.mktemp("life") / "data", contacts=3, segments=1, companies=12)
    deployment.settings.max_shrink = 1  # one answer is as good as two here
    witness = Witness(deployment)
    for day, changes in enumerate([[], *days]):
        for name, number in changes:
            CHANGES[name](place_of(deployment), int(deployment.workspace.now().timestamp()), number)
        outcome = deployment.sync() if day == len(days) else deployment.load()
        assert outcome.exit_code == ExitCode.DONE
        witness.look()
        deployment.workspace.advance(days=1)
    assert_history(deployment, witness)


@pytest.mark.parametrize(("version", "days"), nightly_except([("Preview", 5), ("2.14", 8)], ("Preview", 5)))
def test_spells_and_snapshots_equal_the_workspace_day_by_day(tmp_path: Path, version: str, days: int) -> None:
    deployment = deployed(tmp_path / "data", version=version)
    witness = Witness(deployment)
    for day in range(days):
        outcome = deployment.load() if day < days - 1 else deployment.sync()
        assert (outcome.exit_code, outcome.warnings) == (ExitCode.DONE, ())
        witness.look()
        deployment.workspace.advance(days=1)
        deployment.workspace.live_lists(35)
        if day == days - 4:
            place_of(deployment).delete_company_segment(SECOND)
    assert_history(deployment, witness)
    reasons = {reason for *_, reason in left(deployment)}
    assert {"left", "company_deleted", "segment_deleted", "segment_edited"} <= reasons


def test_the_analysts_marts_have_segments_of_companies(deployment: Deployment) -> None:
    place = place_of(deployment)
    joined, gone = place.companies_in(THIRD)[:2]
    place.move_company(joined, FIRST, THIRD)
    place.move_company(gone)
    deployment.sync()

    assert deployment.query(
        "select observed_on - date '2026-03-02', member_count, baseline_count, entered_count, left_count "
        f"from intercom.segment_daily where segment_id = '{FIRST}' order by 1"
    ) == [(0, 10, 10, 0, 0), (1, 11, 0, 1, 0)]
    assert deployment.query(
        f"select other_segment_id, shared_count from intercom.segment_overlap where segment_id = '{FIRST}'"
    ) == [(THIRD, 1)]
    assert deployment.query(
        f"select joined_count from intercom.segment_retention where segment_id = '{FIRST}' and horizon_days = 1"
    ) == [(1,)]
    assert deployment.query(
        f"select known_day_count, entered_count, left_count from intercom.segment_health where segment_id = '{THIRD}'"
    ) == [(2, 0, 1)]
    companies = {company for _, company in pairs_of(deployment)}
    contacts = deployment.query("select contact_id from intercom.segment_memberships")
    assert companies.isdisjoint(contact_id for (contact_id,) in contacts)


# Evidence


def test_an_edit_that_leaves_no_company_in_a_segment_is_why_they_left(deployment: Deployment) -> None:
    """No company shows the segment any more: its definition comes from the segment itself."""
    place = place_of(deployment)
    gone = place.companies_in(FIRST)
    place.edit_company_segment(FIRST, int(deployment.workspace.now().timestamp()))
    for company in gone:
        place.move_company(company)

    assert deployment.sync().exit_code == ExitCode.DONE

    assert left(deployment) == [(FIRST, company, "segment_edited") for company in sorted(gone)]
    assert members_of(deployment) == pairs_of(deployment)
    deployment.workspace.advance(days=1)
    assert deployment.sync().exit_code == ExitCode.DONE
    assert len(deployment.query(f"select * from intercom_raw.segments where segment_id = '{FIRST}'")) == 2


@pytest.mark.nightly
def test_companies_that_come_without_their_segments_leave_none(deployment: Deployment) -> None:
    place_of(deployment).is_silent_of_segments = True

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert members_of(deployment) == pairs_of(deployment)
    assert {scan[:2] for scan in scans_of(deployment).values()} == {("sweep", "incomplete")}


@pytest.mark.nightly
def test_a_segment_that_lost_many_companies_is_asked_for_the_others(deployment: Deployment) -> None:
    place = place_of(deployment)
    for company in place.companies_in(FIRST)[:8]:
        place.move_company(company, SECOND)
    before = deployment.workspace.calls.copy()

    assert deployment.sync().exit_code == ExitCode.DONE

    assert members_of(deployment) == pairs_of(deployment)
    asked = deployment.workspace.calls - before
    assert (asked["companies of a segment"], asked["segments of a company"]) == (1, 0)


@pytest.mark.nightly
def test_a_first_reading_without_any_segment_is_compared_with_a_sample(tmp_path: Path) -> None:
    deployment = deployed(tmp_path / "data")
    place_of(deployment).is_silent_of_segments = True

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert set(outcome.incomplete.values()) == {"does_not_add_up"}
    assert members_of(deployment) < pairs_of(deployment)
    place_of(deployment).is_silent_of_segments = False
    deployment.workspace.advance(days=1)
    assert deployment.sync().exit_code == ExitCode.DONE
    assert members_of(deployment) == pairs_of(deployment)


@pytest.mark.nightly
def test_a_workspace_without_segments_of_companies_costs_some_calls_a_day(tmp_path: Path) -> None:
    deployment = deployed(tmp_path / "data")
    for segment_id in list(place_of(deployment).company_segments):
        place_of(deployment).delete_company_segment(segment_id)

    assert deployment.sync().exit_code == ExitCode.DONE

    assert deployment.workspace.calls["segments of a company"] == 5
    deployment.sync()
    assert deployment.workspace.calls["segments of a company"] == 5


@pytest.mark.nightly
def test_one_company_is_asked_for_its_segments(deployment: Deployment) -> None:
    place = place_of(deployment)
    moved = place.companies_in(FIRST)[0]
    place.move_company(moved, SECOND)
    before = deployment.workspace.calls.copy()

    assert deployment.sync().exit_code == ExitCode.DONE

    assert left(deployment) == [(FIRST, moved, "left")]
    assert members_of(deployment) == pairs_of(deployment)
    asked = deployment.workspace.calls - before
    assert (asked["companies of a segment"], asked["segments of a company"]) == (0, 1)


@pytest.mark.nightly
def test_a_deleted_segment_ends_only_with_a_reading_that_is_complete(deployment: Deployment) -> None:
    place, before = place_of(deployment), members_of(deployment)
    place.delete_company_segment(FIRST)
    place["companies"].short += [38] * 9  # of 40; those that were in the segment are among them

    assert deployment.sync().exit_code == ExitCode.INCOMPLETE

    assert members_of(deployment) == before
    assert scans_of(deployment)[FIRST][:2] == ("sweep", "incomplete")
    place["companies"].short.clear()
    deployment.workspace.advance(days=1)
    assert deployment.sync().exit_code == ExitCode.DONE
    assert {(key, reason) for key, _, reason in left(deployment)} == {(FIRST, "segment_deleted")}
    assert members_of(deployment) == pairs_of(deployment)


class Failing(httpx.AsyncBaseTransport):
    """Answers to some paths with a failure of Intercom's."""

    def __init__(self, deployment: Deployment, *paths: str) -> None:
        self._inner, self._paths = deployment.transport, paths

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/companies") and request.url.path.endswith(self._paths):
            error = {"type": "error.list", "errors": [{"code": "server_error", "message": "Try again"}]}
            return httpx.Response(500, json=error, request=request)
        return await self._inner.handle_async_request(request)


@pytest.mark.parametrize("moved", nightly([1, 9], 9))
def test_without_a_second_answer_no_company_leaves_and_the_next_run_finds_it(
    deployment: Deployment, moved: int
) -> None:
    place = place_of(deployment)
    for company in place.companies_in(FIRST)[:moved]:
        place.move_company(company)
    before = members_of(deployment)

    outcome = deployment.sync(transport=Failing(deployment, "/segments", "/companies"))

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert members_of(deployment) == before
    assert scans_of(deployment)[FIRST][1:3] == ("incomplete", "does_not_add_up")
    deployment.workspace.advance(hours=1)
    deployment.settings.sweep_every = 0
    assert deployment.sync().exit_code == ExitCode.DONE
    assert members_of(deployment) == pairs_of(deployment)


@pytest.mark.nightly
def test_a_segment_that_loses_most_companies_at_once_has_to_lose_them_twice(tmp_path: Path) -> None:
    deployment = deployed(tmp_path / "data", companies=120)
    deployment.sync()
    for company in place_of(deployment).companies_in(FIRST)[:25]:
        place_of(deployment).move_company(company)
    deployment.workspace.advance(days=1)
    before = members_of(deployment)

    outcome = deployment.sync()

    assert (outcome.exit_code, outcome.incomplete) == (ExitCode.INCOMPLETE, {FIRST: "shrunk"})
    assert members_of(deployment) == before
    deployment.workspace.advance(days=1)
    assert deployment.sync().exit_code == ExitCode.DONE
    assert members_of(deployment) == pairs_of(deployment)


@pytest.mark.nightly
def test_a_search_of_changes_proves_joins_and_bounds_no_window(deployment: Deployment) -> None:
    """Time moves companies, too, without an update of them."""
    deployment.sync()
    place, now = place_of(deployment), int(deployment.workspace.now().timestamp())
    silent, updated = place.companies_in(FIRST)[:2]
    place.move_company(silent, SECOND)
    place.move_company(updated, SECOND, THIRD)
    place["companies"].of()[updated]["updated_at"] = now + 3_000
    deployment.workspace.advance(hours=1)

    assert deployment.sync().exit_code == ExitCode.DONE

    assert {key: scan[:2] for key, scan in scans_of(deployment).items()} == dict.fromkeys(
        (FIRST, SECOND, THIRD), ("cursor", "unconfirmed")
    )
    assert left(deployment) == [(FIRST, updated, "left")]
    assert pairs_of(deployment) - members_of(deployment) == {(SECOND, silent)}
    deployment.workspace.advance(days=1)
    assert deployment.sync().exit_code == ExitCode.DONE
    assert members_of(deployment) == pairs_of(deployment)
    windows = deployment.query(
        "select distinct left_at - left_after > interval 23 hours from intercom.company_segment_memberships "
        f"where company_id = '{silent}' and not is_current"
    )
    assert windows == [(True,)]


@pytest.mark.nightly
def test_a_company_never_names_a_segment_of_contacts(deployment: Deployment) -> None:
    listed = next(iter(deployment.workspace.segments))
    before = deployment.query(
        f"select contact_id, entered_at from intercom.segment_memberships where segment_id = '{listed}'"
    )
    place = place_of(deployment)
    place.company_segments[listed] = place.company_segments[FIRST] | {"id": listed}
    place.move_company(place.companies_in(FIRST)[0], FIRST, listed)

    assert deployment.sync().exit_code == ExitCode.DONE

    kept = deployment.query(
        f"select contact_id, entered_at from intercom.segment_memberships where segment_id = '{listed}'"
    )
    assert set(before) <= set(kept)
    assert (listed,) not in deployment.query("select segment_id from intercom.company_segment_memberships")


# The log


@pytest.mark.nightly
def test_a_removed_run_is_read_again(deployment: Deployment) -> None:
    place = place_of(deployment)
    place.move_company(place.companies_in(FIRST)[0], SECOND, THIRD)
    removed = deployment.sync()
    deployment.workspace.advance(days=1)
    place.move_company(place.companies_in(FIRST)[0])
    assert deployment.sync().exit_code == ExitCode.DONE

    Repair(deployment.warehouse, deployment.name, run_id=removed.run_id, clock=deployment.workspace.now).run()

    assert members_of(deployment) == pairs_of(deployment)
    deployment.workspace.advance(days=1)
    outcome = deployment.sync()
    assert (outcome.exit_code, outcome.warnings) == (ExitCode.DONE, ())
    assert members_of(deployment) == pairs_of(deployment)


def test_companies_alone_have_their_history(deployment: Deployment) -> None:
    place = place_of(deployment)
    place.move_company(place.companies_in(FIRST)[0], SECOND)

    assert deployment.sync(only=("companies",)).exit_code == ExitCode.DONE

    assert members_of(deployment) == pairs_of(deployment)


def test_a_refused_list_ends_nothing(deployment: Deployment) -> None:
    before = members_of(deployment)
    place_of(deployment)["companies"].is_refused = True
    place_of(deployment).move_company(place_of(deployment).companies_in(FIRST)[0])

    assert deployment.sync().exit_code == ExitCode.DONE

    assert members_of(deployment) == before
