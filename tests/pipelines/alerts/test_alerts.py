"""Claims about alerts: what fires is worked out from the workspace itself, by hand."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from pipelines.alerts import Alert, Present, Rule, alerts_of
from pipelines.commands.demo import demo
from pipelines.destinations import Reader, Warehouse
from pipelines.errors import ExitCode, Unreadable
from pipelines.folder import read_journal
from pipelines.settings import DEMO_WORKSPACE
from sandbox.world import Workspace
from sources.intercom.memberships import Selection

from ...support.deployments import Deployment, Settled
from ...support.terminal import Terminal

Sizes = Counter[str]
LOGGED = "select segment_id, sum(case when is_member then 1 else -1 end) from intercom_raw.membership_changes"
MEMBERS = "select segment_id, count(*) from intercom.current_segment_members group by segment_id"


def sizes(workspace: Workspace) -> Sizes:
    return Counter(segment_id for segment_id, _ in workspace.pairs())


def by_hand(workspace: Workspace, before: Sizes, fires: Callable[[int, int], bool]) -> set[tuple[str, int, int]]:
    """Segments whose change fires, with their size before and now."""
    now = sizes(workspace)
    return {(one, before[one], now[one]) for one in workspace.segments if fires(before[one], now[one])}


def changes(alerts: tuple[Alert, ...], when: str) -> set[tuple[str | None, int | None, int | None]]:
    return {(one.segment_id, one.members_before, one.members) for one in alerts if one.when == when}


def test_changes_are_those_of_the_workspace(synced: Deployment) -> None:
    workspace, before = synced.workspace, sizes(synced.workspace)
    rules = (
        Rule("changed", percent=10),
        Rule("grew", members=3),
        Rule("shrank", members=3),
        Rule("grew", percent=0, members=10**6),
    )
    workspace.live(days=1, churn=0.3)

    alerts = synced.sync(rules=rules).alerts

    changed = by_hand(workspace, before, lambda old, new: abs(new - old) * 100 > old * 10)
    grew = by_hand(workspace, before, lambda old, new: new - old > 3)
    shrank = by_hand(workspace, before, lambda old, new: old - new > 3)
    assert all((changed, grew, shrank)), "nothing to compare"
    assert (changes(alerts, "changed"), changes(alerts, "grew"), changes(alerts, "shrank")) == (changed, grew, shrank)


@pytest.mark.nightly
def test_alerts_on_the_demo_are_what_its_log_adds_up_to(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "data")
    demo(warehouse, contacts=150, days=3, track=lambda days: days)
    before, last = (run for run in list(read_journal(warehouse.journal))[-2:])
    ended = [datetime.fromisoformat(str(run.ended_at)) for run in (before, last)]
    present = Present(DEMO_WORKSPACE, ended[1], ended[0], "UTC", Selection(), ())
    rules = (Rule("changed", members=1), Rule("grew", percent=5), Rule("shrank", percent=5))

    with warehouse.reading() as ask:
        alerts = alerts_of(rules, ask, present)
        added_up = ask(f"{LOGGED} where run_id = '{last.run_id}' group by segment_id")
        now = Counter({str(segment_id): count for segment_id, count in ask(MEMBERS)})

    sizes = {segment_id: (now[segment_id] - change, now[segment_id]) for segment_id, change in added_up}
    changed = {(key, old, new) for key, (old, new) in sizes.items() if abs(new - old) > 1}
    grew = {(key, old, new) for key, (old, new) in sizes.items() if (new - old) * 100 > old * 5}
    shrank = {(key, old, new) for key, (old, new) in sizes.items() if (old - new) * 100 > old * 5}
    assert all((changed, grew, shrank)), "nothing to compare"
    assert (changes(alerts, "changed"), changes(alerts, "grew"), changes(alerts, "shrank")) == (changed, grew, shrank)


@pytest.mark.nightly
def test_changes_of_a_day_count_from_the_end_of_yesterday_and_those_of_a_run_from_the_last_run(
    synced: Deployment,
) -> None:
    workspace, yesterday = synced.workspace, sizes(synced.workspace)
    rules = (Rule("changed", members=0), Rule("grew", members=0, since="day"), Rule("shrank", members=0, since="day"))
    workspace.live(days=1, churn=0.3)
    synced.sync(rules=rules)
    an_hour_ago = sizes(workspace)
    workspace.live(days=1 / 24, churn=3)

    alerts = synced.sync(rules=rules).alerts

    assert sizes(workspace) != an_hour_ago != yesterday
    assert changes(alerts, "changed") == by_hand(workspace, an_hour_ago, lambda old, new: old != new)
    of_day = changes(alerts, "grew") | changes(alerts, "shrank")
    assert of_day == by_hand(workspace, yesterday, lambda old, new: old != new)


def test_a_first_sync_finds_no_change_and_a_new_segment_is_none(deployment: Deployment) -> None:
    rules = (Rule("changed", members=0), Rule("changed", percent=0, since="day"))

    first = deployment.sync(rules=rules)
    deployment.workspace.make_segment("Newcomers", next(iter(deployment.workspace.segments.values())).rule)
    second = deployment.sync(rules=rules)

    assert first.alerts == second.alerts == ()


@pytest.mark.nightly
@pytest.mark.nightly
def test_a_change_that_a_failed_run_has_loaded_is_found_by_the_next_good_one(settled: Settled) -> None:
    rules = (Rule("shrank", members=5, segments=("Crowd",)),)
    for contact_id in settled.crowd[:12]:
        settled.workspace.untag(contact_id, "crowd")
    settled.sync()  # as if it were killed before it came into the journal
    journal = settled.warehouse.journal
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))

    (alert,) = settled.sync(rules=rules).alerts

    assert alert.text == "Crowd shrank by 12 members (20.0%) since the last sync, from 60 to 48."


def test_a_change_of_one_member_is_said_in_the_singular(settled: Settled) -> None:
    settled.workspace.untag(settled.crowd[0], "crowd")

    (alert,) = settled.sync(rules=(Rule("shrank", members=0, segments=("Crowd",)),)).alerts

    assert alert.text == "Crowd shrank by 1 member (1.7%) since the last sync, from 60 to 59."


def test_an_empty_segment_and_one_that_no_longer_exists_are_found(settled: Settled) -> None:
    for contact_id in settled.crowd:
        settled.workspace.untag(contact_id, "crowd")
    rules = (Rule("empty"), Rule("empty", segments=("crowd", "Tryal")), Rule("empty"))

    alerts = settled.sync(rules=rules, accept_shrink=True).alerts

    assert [(one.when, one.segment) for one in alerts] == [("empty", "Crowd"), ("no_segment", "Tryal")]
    assert alerts[0].text == "Crowd has no members."
    assert alerts[1].text.endswith("Did you mean Trial?")


def test_a_deleted_segment_is_a_change_once_and_then_missing(settled: Settled) -> None:
    rules = (Rule("changed", members=0, segments=("Crowd",)), Rule("empty"), Rule("stale", hours=1))
    settled.workspace.delete_segment(settled.segments["Crowd"])

    first, second = (settled.sync(rules=rules).alerts for _ in range(2))

    of_crowd = [[(one.when, one.text) for one in alerts if one.segment == "Crowd"] for alerts in (first, second)]
    missing = "A rule (changed) is for Crowd, but no followed segment has that name or id."
    assert of_crowd == [
        [("changed", "Crowd was deleted in Intercom. It had 60 members.")],
        [("no_segment", missing)],
    ]


def test_a_segment_that_is_not_read_is_incomplete_and_then_stale(settled: Settled) -> None:
    rules = (Rule("incomplete"), Rule("stale", hours=26))
    settled.workspace.faults.half_page(settled.segments["Everyone"], times=None)
    settled.workspace.advance(days=1)
    after_a_day = settled.sync(rules=rules)
    settled.workspace.advance(days=1)

    after_two_days = settled.sync(rules=rules)

    texts = "Everyone could not be read completely (does_not_add_up).", "Everyone was last read completely 2 days"
    assert [one.text for one in after_a_day.alerts][:1] == [texts[0]]
    assert [one.when for one in after_two_days.alerts] == ["incomplete", "stale"]
    assert after_two_days.alerts[1].text.startswith(texts[1])


def test_an_excluded_segment_is_not_judged(settled: Settled) -> None:
    settled.settings.exclude_segments = ["Crowd"]
    for contact_id in settled.crowd:
        settled.workspace.untag(contact_id, "crowd")
    settled.workspace.advance(days=3)

    alerts = settled.sync(rules=(Rule("stale", hours=1), Rule("changed", members=5), Rule("empty"))).alerts

    assert "Crowd" not in {one.segment for one in alerts}


def test_an_alert_changes_the_exit_code_only_on_request(settled: Settled) -> None:
    rules = (Rule("empty", segments=("no such segment",)),)

    exit_codes = [settled.sync(rules=rules, fail_on_alert=fails).exit_code for fails in (False, True)]

    journaled = [run.exit_code for run in read_journal(settled.warehouse.journal)][1:]
    assert exit_codes == journaled == [ExitCode.DONE, ExitCode.INCOMPLETE]


class Unread(Warehouse):
    """A warehouse that loses its readers' copy."""

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        raise Unreadable("The copy is damaged. Restore it.")
        yield


def test_rules_that_cannot_be_judged_leave_the_sync_as_it_is(settled: Settled) -> None:
    settled.warehouse = Unread(settled.folder)

    outcome = settled.sync(rules=(Rule("empty"),), fail_on_alert=True)

    assert (outcome.exit_code, outcome.alerts) == (ExitCode.DONE, ())
    assert outcome.notes[-1] == "The alerts could not be judged: The copy is damaged. Restore it."


def test_alerts_are_printed_in_the_result_in_json_and_in_the_log(terminal: Terminal) -> None:
    terminal.copy_first_sync()
    rules = json.dumps([{"when": "empty", "segments": ["Nowhere"]}])

    shown = terminal.run("sync", ALERTS__RULES=rules)
    logged = terminal.run("sync", "--json", "--log-format", "json", ALERTS__RULES=rules)

    text = "A rule (empty) is for Nowhere, but no followed segment has that name or id."
    assert (shown.exit_code, logged.exit_code) == (0, 0)
    assert f"alert: {text}" in shown.output
    (alert,) = json.loads(logged.output)["alerts"]
    (event,) = (one for one in map(json.loads, logged.errors.splitlines()) if one["event"] == "alert")
    assert (alert["when"], alert["text"]) == ("no_segment", text)
    assert (event["level"], event["when"], event["segment"], event["message"]) == (
        "warning",
        "no_segment",
        "Nowhere",
        text,
    )


@pytest.mark.parametrize("command", ["sync", "check"])
def test_a_wrong_rule_is_exit_code_2_before_intercom_is_asked(terminal: Terminal, command: str) -> None:
    nowhere = {"SOURCES__INTERCOM__BASE_URL": "http://127.0.0.1:9"}

    ended = terminal.run(command, ALERTS__RULES='[{"when": "emtpy"}]', **nowhere)

    assert ended.exit_code == ExitCode.USAGE
    assert "Did you mean empty?" in ended.errors
    assert ended.is_one_paragraph
