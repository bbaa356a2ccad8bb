"""Excluded segments are unobserved, and a segment that comes back records moves between its two sweeps."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from pipelines.commands.verify import Verify
from pipelines.errors import ExitCode
from pipelines.runs import build_models
from pipelines.settings import intercom_settings
from sandbox.segments.rules import Tagged
from sources.intercom.api import Segment, SetupError
from sources.intercom.memberships import Selection

from ...soak.audit import check_keys
from ...support.deployments import AT_ONCE, Deployment, Settled
from ...support.first_loads import CutOffAfter, contacts, large_deployment, true_contacts

LISTED = [Segment(id="1a", name="Everyone"), Segment(id="2b", name="Paying"), Segment(id="3c", name="paying")]


@pytest.mark.parametrize(
    ("include", "exclude", "read"),
    [
        ((), (), {"1a", "2b", "3c"}),
        ((), ("everyONE",), {"2b", "3c"}),
        ((), ("1a", "Paying "), set()),
        (("Paying",), (), {"2b", "3c"}),
        (("Paying",), ("3c",), {"2b"}),
        (("Nobody",), (), set()),
        ((), ("1A",), {"1a", "2b", "3c"}),
    ],
)
def test_segments_are_chosen_by_id_or_by_name_in_any_case(
    include: tuple[str, ...], exclude: tuple[str, ...], read: set[str]
) -> None:
    assert {segment.id for segment in Selection(include, exclude).of(LISTED)} == read


def test_lists_of_segments_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__INTERCOM__ACCESS_TOKEN", "token")
    monkeypatch.setenv("SOURCES__INTERCOM__EXCLUDE_SEGMENTS", '["Everyone", "5f3a"]')

    settings = intercom_settings()

    assert (settings.include_segments, settings.exclude_segments) == ([], ["Everyone", "5f3a"])


def spells_of(deployment: Deployment, segment_id: str) -> list[tuple[Any, ...]]:
    return deployment.query(
        "select contact_id, entered_after, entered_at, left_after, left_at, leave_reason "
        "from intercom.segment_memberships where segment_id = ? order by contact_id, entered_at",
        segment_id,
    )


def members(deployment: Deployment, *excluded: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Members of segments that are not excluded: those in the warehouse and the true ones."""
    found, true = deployment.members(), deployment.workspace.pairs()
    return tuple({pair for pair in pairs if pair[0] not in excluded} for pairs in (found, true))  # type: ignore[return-value]


def scan_of(settled: Settled, name: str) -> tuple[str, str]:
    return settled.scans()[name]


@pytest.mark.nightly
def test_a_segment_excluded_from_the_first_sync_on_has_a_definition_and_no_history(deployment: Deployment) -> None:
    excluded = next(iter(deployment.workspace.segments))
    deployment.settings.exclude_segments = [deployment.workspace.segments[excluded].name]

    outcome = deployment.sync()
    found, true = members(deployment, excluded)

    assert (outcome.exit_code, outcome.segments, outcome.incomplete, outcome.notes) == (ExitCode.DONE, 9, {}, ())
    assert found == true
    assert spells_of(deployment, excluded) == []
    assert deployment.query(
        "select how, status, count, members from intercom_raw.segment_scans where segment_id = ?", excluded
    ) == [("none", "excluded", None, 0)]
    assert deployment.query("select segment_id from intercom.segment_daily where segment_id = ?", excluded) == []
    assert deployment.query("select name from intercom.segments where segment_id = ?", excluded) == [
        (deployment.workspace.segments[excluded].name,)
    ]


def test_no_search_reads_an_excluded_segment(deployment: Deployment) -> None:
    excluded = list(deployment.workspace.segments)
    deployment.settings.exclude_segments = excluded[:-1]

    outcome = deployment.sync()

    assert (outcome.segments, outcome.swept) == (1, 1)
    assert {segment_id for segment_id, _ in deployment.members()} <= {excluded[-1]}


def test_nothing_changes_in_a_segment_that_is_excluded_later(settled: Settled) -> None:
    crowd, leaver, removed = settled.segments["Crowd"], *settled.crowd[:2]
    before = {pair for pair in settled.members() if pair[0] == crowd}
    settled.settings.exclude_segments = ["crowd"]
    settled.workspace.untag(leaver, "crowd")
    settled.workspace.tag(settled.people[100], "crowd")
    settled.workspace.delete(removed)

    outcome = settled.sync()
    found, true = members(settled, crowd)

    assert outcome.exit_code == ExitCode.DONE
    assert outcome.contacts_gone == 1
    assert scan_of(settled, "Crowd") == ("none", "excluded")
    assert {pair for pair in settled.members() if pair[0] == crowd} == before
    assert found == true
    assert outcome.warnings == ()


@pytest.mark.nightly
def test_moves_while_a_segment_was_excluded_lie_between_its_two_sweeps(settled: Settled) -> None:
    crowd, leaver, removed, joiner = settled.segments["Crowd"], *settled.crowd[:2], settled.people[100]
    ((swept_from,),) = settled.query(
        "select started_at from intercom_raw.segment_scans where segment_id = ? and status = 'complete'", crowd
    )
    settled.settings.exclude_segments = ["Crowd"]
    settled.workspace.untag(leaver, "crowd")
    settled.workspace.tag(joiner, "crowd")
    settled.workspace.delete(removed)
    for _ in range(2):
        settled.load()
        settled.workspace.advance(hours=1)

    settled.settings.exclude_segments = []
    outcome = settled.sync()

    ((swept_at,),) = settled.query(
        "select max(observed_at) from intercom_raw.segment_scans where segment_id = ? and status = 'complete'", crowd
    )
    spells = {row[0]: row[1:] for row in spells_of(settled, crowd)}
    assert scan_of(settled, "Crowd") == ("sweep", "complete")
    assert spells[joiner] == (swept_from, swept_at, None, None, None)
    assert spells[leaver][2:] == (swept_from, swept_at, "left")
    assert spells[removed][2:] == (swept_from, swept_at, "contact_deleted")
    assert settled.members() == settled.workspace.pairs()
    assert outcome.exit_code == ExitCode.DONE


def test_a_segment_that_comes_back_must_be_swept(settled: Settled) -> None:
    settled.settings.exclude_segments = ["Crowd", "Paying"]
    settled.sync()
    settled.workspace.advance(hours=1)

    excluding = settled.job().preview()
    settled.settings.exclude_segments = ["Paying"]
    including = settled.job().preview()

    assert [(one.segment.name, one.why) for one in excluding.plan.sweeps] == []
    assert excluding.excluded == 2
    assert [(one.segment.name, one.why) for one in including.plan.sweeps] == [("Crowd", "excluded in the run before")]
    assert {one.segment.name for one in including.plan.rest}.isdisjoint({"Crowd", "Paying"})


@pytest.mark.nightly
@pytest.mark.parametrize("entry", ["id", "name"])
def test_an_excluded_segment_that_is_deleted_closes_nothing(settled: Settled, entry: str) -> None:
    crowd = settled.segments["Crowd"]
    settled.settings.exclude_segments = [crowd if entry == "id" else "CROWD"]
    settled.workspace.delete_segment(crowd)

    outcomes = [settled.load(), settled.sync()]

    assert [outcome.exit_code for outcome in outcomes] == [ExitCode.DONE, ExitCode.DONE]
    assert scan_of(settled, "Crowd") == ("none", "excluded")
    assert {contact_id for segment_id, contact_id in settled.members() if segment_id == crowd} == set(settled.crowd)

    settled.settings.exclude_segments = []
    settled.sync()

    assert scan_of(settled, "Crowd") == ("deleted", "complete")
    assert settled.members() == settled.workspace.pairs()


@pytest.mark.nightly
def test_a_lost_scan_is_reported_though_another_segment_was_never_read(deployment: Deployment) -> None:
    excluded, lost, *_ = deployment.workspace.segments
    deployment.settings.exclude_segments = [excluded]
    deployment.sync()
    run_id = deployment.sync().run_id
    pipeline = deployment.warehouse.pipeline(deployment.name)
    with pipeline.sql_client() as client:
        client.execute_sql("delete from intercom_raw.segment_scans where run_id = %s and segment_id = %s", run_id, lost)

    (fault,) = build_models(pipeline).faults

    assert fault.check == "every_segment_is_in_the_newest_run"
    assert fault.example["segment_id"] == lost


def test_an_entry_that_matches_no_segment_makes_the_run_incomplete(settled: Settled) -> None:
    settled.settings.include_segments, settled.settings.exclude_segments = ["Crowd", "Crwod"], ["Payers"]

    outcome = settled.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert outcome.notes == (
        "include_segments names 'Crwod', but no segment has that id or name.",
        "exclude_segments names 'Payers', but no segment has that id or name.",
    )
    assert {name for name, scan in settled.scans().items() if scan[1] != "excluded"} == {"Crowd"}


def test_a_selection_that_leaves_no_segment_stops_the_run_before_it_writes(deployment: Deployment) -> None:
    deployment.settings.include_segments = ["Evryone"]

    with pytest.raises(SetupError, match="leave none of the 10 segments"):
        deployment.sync()

    assert not deployment.warehouse.published.exists()


@pytest.mark.nightly
def test_contact_by_contact_a_segment_that_comes_back_needs_all_contacts(settled: Settled) -> None:
    crowd, leaver, removed, joiner = settled.segments["Crowd"], *settled.crowd[:2], settled.people[100]
    settled.workspace.refuses.add("segment_id")
    settled.load()
    settled.settings.exclude_segments = ["Crowd"]
    settled.workspace.advance(hours=1)
    settled.workspace.untag(leaver, "crowd")
    settled.workspace.tag(joiner, "crowd")
    settled.workspace.delete(removed)
    settled.workspace.advance(hours=1)
    outcome = settled.sync()
    excluded = [row for row in spells_of(settled, crowd) if row[4]]
    settled.workspace.advance(hours=1)
    settled.load()

    settled.settings.exclude_segments = []
    settled.workspace.advance(hours=1)
    settled.sync()

    assert outcome.contacts_gone == 1
    assert excluded == []
    assert scan_of(settled, "Crowd") == ("per_contact", "complete")
    assert {(row[0], row[5]) for row in spells_of(settled, crowd) if row[4]} == {
        (leaver, "left"),
        (removed, "contact_deleted"),
    }
    assert settled.members() == settled.workspace.pairs()


@pytest.mark.nightly
@pytest.mark.parametrize("refused", [None, "segment_id"], ids=["by segment", "contact by contact"])
def test_a_collapse_while_a_segment_was_excluded_is_believed_by_the_second_run(
    settled: Settled, refused: str | None
) -> None:
    if refused:
        settled.workspace.refuses.add(refused)
    settled.settings.exclude_segments = ["Crowd"]
    settled.workspace.delete(settled.crowd[0])
    for contact_id in settled.crowd[1:50]:
        settled.workspace.untag(contact_id, "crowd")
    settled.load()
    settled.workspace.advance(hours=1)
    settled.load()

    crowd, settled.settings.exclude_segments = settled.segments["Crowd"], []
    outcomes = []
    for sync in (settled.load, settled.sync):
        settled.workspace.advance(hours=1)
        outcomes.append(sync())

    assert [outcome.incomplete for outcome in outcomes] == [{crowd: "shrunk"}, {}]
    assert {contact_id for segment_id, contact_id in settled.members() if segment_id == crowd} == set(
        settled.crowd[50:]
    )


@pytest.mark.nightly
@pytest.mark.parametrize("is_cut_off", [False, True])
def test_a_first_load_in_parts_leaves_excluded_segments_out(
    make_deployment: Callable[..., Deployment], is_cut_off: bool
) -> None:
    deployment = large_deployment(make_deployment)
    excluded = [key for key, segment in deployment.workspace.segments.items() if segment.name in ("trial", "Tag 3")]
    deployment.settings.exclude_segments = ["Trial", "tag 3", "nonsense"]
    if is_cut_off:
        with pytest.raises(ExceptionGroup):
            deployment.sync(transport=CutOffAfter(deployment, 60))
        deployment.workspace.advance(seconds=30)

    outcome = deployment.sync()
    found, true = members(deployment, *excluded)
    statuses = deployment.query(
        "select distinct segment_id, status from intercom_raw.segment_scans where segment_id in (?, ?)", *excluded
    )

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert outcome.notes == ("exclude_segments names 'nonsense', but no segment has that id or name.",)
    assert found == true
    assert {pair[0] for pair in deployment.members()}.isdisjoint(excluded)
    assert set(statuses) == {(segment_id, "excluded") for segment_id in excluded}
    assert contacts(deployment) == true_contacts(deployment.workspace)

    deployment.settings.exclude_segments = []
    deployment.sync()

    assert deployment.members() == deployment.workspace.pairs()
    check_keys(deployment)


def test_verify_does_not_compare_what_is_excluded(settled: Settled) -> None:
    settled.settings.exclude_segments = ["Crowd"]
    settled.sync()
    for contact_id in settled.crowd[:30]:
        settled.workspace.untag(contact_id, "crowd")
    others = {pair for pair in settled.workspace.pairs() if pair[0] != settled.segments["Crowd"]}

    verify = Verify(
        settled.warehouse, settings=settled.settings, sample=300, transport=settled.transport, retries=AT_ONCE
    )
    verify.clock = settled.workspace.now
    found = verify.run()

    assert (found.exit_code, found.differences) == (ExitCode.DONE, ())
    assert found.agreeing == found.compared == len(others)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [1, 2])
def test_with_any_segments_excluded_the_others_are_true_and_in_the_end_all_are(
    deployment: Deployment, seed: int
) -> None:
    draw, ids = Random(seed), list(deployment.workspace.segments)
    deployment.settings.max_shrink = 1
    deployment.workspace.make_segment("Tagged", Tagged("t"))
    for _ in range(4):
        excluded = draw.sample(ids, draw.randrange(len(ids)))
        deployment.settings.exclude_segments = excluded
        before = (
            {pair for pair in deployment.members() if pair[0] in excluded} if deployment.warehouse.exists else set()
        )
        deployment.sync()
        found, true = members(deployment, *excluded)
        assert found == true
        assert {pair for pair in deployment.members() if pair[0] in excluded} == before
        deployment.workspace.live(days=1, churn=0.2)

    deployment.settings.exclude_segments = []
    outcome = deployment.sync()

    assert outcome.incomplete == {}
    assert deployment.members() == deployment.workspace.pairs()
    check_keys(deployment)
