"""The parts of conversations: complete for each one, whenever it changes, and kept when Intercom sends them no more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pipelines.errors import ExitCode
from sources.intercom.tables import PlannedList

from ...support.deployments import Deployment
from ...support.desks import differences, support_deployment, synced_support

PARTS = "conversation_parts"
Change = Callable[[httpx.Request, Any], Any]


class Between(httpx.AsyncBaseTransport):
    """Stands between a sync and the workspace: `change` gets each request with its answer, and returns an answer."""

    def __init__(self, transport: httpx.AsyncBaseTransport, change: Change) -> None:
        self._transport = transport
        self._change = change

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        body = self._change(request, msgspec.json.decode(await response.aread()))
        headers = {name: value for name, value in response.headers.items() if name.lower() != "content-length"}
        return httpx.Response(response.status_code, headers=headers, content=msgspec.json.encode(body))


def looked_up(deployment: Deployment) -> int:
    return deployment.workspace.calls["conversation"]


def now(deployment: Deployment) -> int:
    return int(deployment.workspace.now().timestamp())


def stored(deployment: Deployment, conversation_id: str) -> int:
    query = "select count(*) from intercom_raw.conversation_parts where conversation_id = ? and not is_deleted"
    return int(deployment.query(query, conversation_id)[0][0])


def test_conversations_with_0_500_and_501_parts_keep_all_that_was_ever_sent(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", PARTS, conversations=0, tickets=0)
    desk = deployment.workspace.desk
    contact = next(iter(deployment.workspace.contacts))
    began = now(deployment) - 100_000
    empty, full, cut = (desk.start(contact, began) for _ in range(3))
    for number in range(501):
        desk.reply(cut, began + number)
        if number:
            desk.reply(full, began + number)

    deployment.sync()

    assert [stored(deployment, one) for one in (empty, full, cut)] == [0, 500, 500]
    deployment.workspace.advance(hours=1)
    for one in (empty, full, cut):
        desk.answer(one, now(deployment))
    deployment.workspace.advance(hours=1)
    assert deployment.sync().exit_code == ExitCode.DONE
    assert [stored(deployment, one) for one in (empty, full, cut)] == [1, 501, 501]
    counts = "select part_count, listed_count from intercom_raw.conversation_part_reads where id = ?"
    assert deployment.query(counts, cut) == [(502, 502)]


def test_each_conversation_is_looked_up_once_and_then_only_if_it_changed(tmp_path: Path) -> None:
    deployment = synced_support(tmp_path / "data", PARTS)
    workspace, desk = deployment.workspace, deployment.workspace.desk
    workspace.advance(hours=1)
    deployment.sync(only=[PARTS])
    before = looked_up(deployment)
    changed = list(desk.conversations)[5:8]
    for one in changed:
        desk.note(one, now(deployment))
    workspace.advance(hours=1)

    deployment.sync(only=[PARTS])

    assert looked_up(deployment) == before + 3
    deployment.sync(only=[PARTS])
    assert looked_up(deployment) == before + 3
    assert differences(deployment) == {}


def test_a_budget_reads_the_longest_waiting_first_and_the_next_runs_read_the_rest(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", PARTS)
    deployment.settings.parts_budget = 70
    deployment.workspace.desk.conversations.popitem()  # the last one, which may have changed within the last minutes
    total = len(deployment.workspace.desk.conversations)

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert outcome.lists["conversation_part_reads"] == "partial"
    assert any(f"{total - 70} conversations wait" in note for note in outcome.notes)
    assert looked_up(deployment) == 70
    read = {key for (key,) in deployment.query("select id from intercom_raw.conversation_part_reads")}
    updated = {key: one["updated_at"] for key, one in deployment.workspace.desk.conversations.items()}
    assert max(updated[one] for one in read) <= min(at for one, at in updated.items() if one not in read)
    deployment.workspace.advance(hours=1)
    deployment.sync(only=[PARTS])
    assert deployment.sync(only=[PARTS]).lists["conversation_part_reads"] == "complete"
    assert differences(deployment) == {}


def test_a_conversation_that_changes_while_its_parts_are_read_is_read_again(tmp_path: Path) -> None:
    deployment = synced_support(tmp_path / "data", PARTS)
    workspace, desk = deployment.workspace, deployment.workspace.desk
    workspace.advance(hours=1)
    one = next(iter(desk.conversations))
    desk.note(one, now(deployment))
    there = deployment.transport

    def change(request: httpx.Request, answer: Any) -> Any:
        """A reply within the second of the note, just after the answer."""
        if request.url.path.endswith(f"/conversations/{one}"):
            deployment.transport = there
            desk.reply(one, answer["updated_at"])
        return answer

    deployment.transport = Between(there, change)
    deployment.sync(only=[PARTS])
    assert differences(deployment) != {}
    workspace.advance(hours=1)

    deployment.sync(only=[PARTS])

    assert differences(deployment) == {}


@pytest.mark.nightly
def test_an_answer_without_its_parts_counts_as_unread(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", PARTS, conversations=20)
    one = next(iter(deployment.workspace.desk.conversations))
    there = deployment.transport

    def change(request: httpx.Request, answer: Any) -> Any:
        is_it = request.url.path.endswith(f"/conversations/{one}")
        return {**answer, "conversation_parts": None} if is_it else answer

    deployment.transport = Between(there, change)

    assert deployment.sync().lists["conversation_part_reads"] == "incomplete"

    assert stored(deployment, one) == 0
    deployment.transport = there
    assert deployment.sync(only=[PARTS]).exit_code == ExitCode.DONE
    assert differences(deployment) == {}


@pytest.mark.nightly
def test_lookups_that_fail_for_good_keep_what_came_and_the_next_run_reads_the_rest(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", PARTS, conversations=30)
    last = list(deployment.workspace.desk.conversations)[-1]
    deployment.workspace.faults.status(502, times=9, path_prefix=f"/conversations/{last}")

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert outcome.lists == {"conversations": "complete", "conversation_part_reads": "incomplete"}
    deployment.workspace.faults.clear()
    assert deployment.sync(only=[PARTS]).exit_code == ExitCode.DONE
    assert differences(deployment) == {}


def test_the_plan_gives_calls_and_megabytes_of_conversations_and_their_parts(tmp_path: Path) -> None:
    deployment = support_deployment(tmp_path / "data", PARTS)
    deployment.settings.parts_budget = 50

    planned = {one.table_name: one for one in deployment.job().preview().lists}

    assert planned["conversations"].calls == 2 + 3
    parts = planned["conversation_part_reads"]
    assert isinstance(parts, PlannedList)
    assert (parts.calls, parts.records) == (50, 180)
    assert 0.1 < parts.megabytes < 1
    assert planned["conversations"].megabytes > 0.1
