"""The history of contacts' tags equals the workspace's, and no answer alone takes a tag away."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.commands import Forget
from pipelines.commands.repair import Repair
from pipelines.errors import ExitCode
from sandbox.people import tag_id

from ...support.deployments import Deployment, after_first_run, lively_workspace
from ...support.nightly import nightly_except

VIP = tag_id("vip")
Body = dict[str, Any]


def deployed(folder: Path, **options: Any) -> Deployment:
    workspace = lively_workspace(**({"contacts": 60, "segments": 2} | options))
    return Deployment(folder, workspace, resources=("tags", "contact_tags"))


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Synced once; its tags are due again."""
    deployment = after_first_run("contacts with tags", deployed, tmp_path / "data")
    deployment.workspace.advance(days=1)
    return deployment


def tagged(deployment: Deployment, name: str = "vip") -> list[str]:
    return sorted(contact.id for contact in deployment.workspace.contacts.values() if name in contact.tags)


def pairs_of(deployment: Deployment) -> set[tuple[str, str]]:
    return {(contact.id, name) for contact in deployment.workspace.contacts.values() for name in contact.tags}


def current(deployment: Deployment) -> set[tuple[str, str]]:
    rows = deployment.query("select contact_id, tag_name from intercom.contact_tag_history where is_current")
    assert len(rows) == len(set(rows))
    return set(rows)


def lost(deployment: Deployment) -> set[tuple[str, str, str]]:
    history = "select contact_id, tag_name, reason from intercom.contact_tag_history"
    return set(deployment.query(f"{history} where not is_current"))


def scans(deployment: Deployment) -> set[tuple[Any, ...]]:
    """How the newest run that scanned tags scanned them: how, status, problem."""
    return set(
        deployment.query(
            "select how, status, problem from intercom_raw.contact_tag_scans "
            "where run_id = (select max(run_id) from intercom_raw.contact_tag_scans)"
        )
    )


class Answering(httpx.AsyncBaseTransport):
    """Changes what a search for a tag answers."""

    def __init__(self, deployment: Deployment, change: Callable[[Body, bytes], Body]) -> None:
        self._inner, self._change = deployment.transport, change

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if b"tag_id" not in request.content:
            return response
        await response.aread()
        changed = self._change(json.loads(response.content), request.content)
        return httpx.Response(changed.pop("status", 200), json=changed, request=request)


@pytest.mark.parametrize(("version", "days"), nightly_except([("Preview", 4), ("2.14", 8)], ("Preview", 4)))
def test_each_spell_is_that_of_the_workspace_day_by_day(tmp_path: Path, version: str, days: int) -> None:
    deployment = deployed(tmp_path / "data")
    deployment.settings.api_version = version
    spells: dict[tuple[str, str], list[list[Any]]] = {}
    for day in range(days):
        outcome = deployment.load() if day < days - 1 else deployment.sync()
        assert (outcome.exit_code, outcome.warnings) == (ExitCode.DONE, ())
        today, there = deployment.workspace.now().date(), pairs_of(deployment)
        open_ones = {pair for pair, found in spells.items() if found[-1][1] is None}
        for pair in there - open_ones:
            spells.setdefault(pair, []).append([today, None])
        for pair in open_ones - there:
            spells[pair][-1][1] = today
        deployment.workspace.live(days=1, churn=0.6)
    rows = deployment.query(
        "select contact_id, tag_name, spell_number, tagged_on, untagged_on from intercom.contact_tag_history"
    )
    assert set(rows) == {
        (*pair, number, *spell) for pair, found in spells.items() for number, spell in enumerate(found, start=1)
    }
    assert {"untagged", "contact_removed"} <= {reason for *_, reason in lost(deployment)}


@pytest.mark.nightly
def test_a_tag_is_known_since_a_window_and_a_removed_contact_is_no_loss_of_its_own(deployment: Deployment) -> None:
    first, second, third = tagged(deployment)[:3]
    new = next(one for one in sorted(deployment.workspace.contacts) if one not in tagged(deployment))
    deployment.workspace.untag(first, "vip")
    deployment.workspace.delete(second)
    deployment.workspace.archive(third)
    deployment.workspace.tag(new, "vip")
    deployment.sync()

    vip = {one for one in lost(deployment) if one[1] == "vip"}
    assert vip == {(first, "vip", "untagged"), (second, "vip", "contact_removed"), (third, "vip", "contact_removed")}
    assert deployment.query(
        "select is_baseline, cast(tagged_at - tagged_after as varchar) from intercom.contact_tag_history "
        f"where contact_id = '{new}' and tag_name = 'vip'"
    ) == [(False, "1 day 00:00:01")]


def test_a_deleted_tag_ends_with_its_reason(deployment: Deployment) -> None:
    had = tagged(deployment)
    deployment.workspace.lists["tags"].remove(VIP)
    assert deployment.sync().exit_code == ExitCode.DONE

    assert {one for one in lost(deployment) if one[1] == "vip"} == {(one, "vip", "tag_deleted") for one in had}
    deployment.workspace.advance(days=1)
    assert deployment.sync().exit_code == ExitCode.DONE


def without_the_last(body: Body, asked: bytes) -> Body:
    """A page that leaves out a contact, and does not say so."""
    if b'"IN"' in asked or not body.get("data"):
        return body
    return body | {"data": body["data"][:-1], "total_count": body["total_count"] - 1}


def test_a_short_answer_takes_no_tag_away(deployment: Deployment) -> None:
    before = current(deployment)

    outcome = deployment.sync(transport=Answering(deployment, without_the_last))

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert current(deployment) == before
    assert ("sweep", "incomplete", "does_not_add_up") in scans(deployment)


def always_empty(body: Body, _: bytes) -> Body:
    return body | {"data": [], "total_count": body["total_count"]}


@pytest.mark.nightly
def test_answers_that_do_not_add_up_take_no_tag_away_and_are_read_again(deployment: Deployment) -> None:
    before = current(deployment)

    outcome = deployment.sync(transport=Answering(deployment, always_empty))

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert current(deployment) == before
    assert ("sweep", "incomplete", "does_not_add_up") in scans(deployment)
    assert any("tag vip" in note for note in outcome.notes)
    deployment.workspace.untag(tagged(deployment)[0], "vip")
    deployment.workspace.advance(hours=1)
    assert deployment.sync().exit_code == ExitCode.DONE
    assert current(deployment) == pairs_of(deployment)


def refused(body: Body, _: bytes) -> Body:
    error = {"code": "invalid_field", "message": "tag_id is not a valid search field"}
    return {"status": 400, "type": "error.list", "errors": [error]}


@pytest.mark.nightly
def test_a_search_that_refuses_tags_is_a_note(deployment: Deployment) -> None:
    before = current(deployment)

    outcome = deployment.sync(transport=Answering(deployment, refused))

    assert outcome.exit_code == ExitCode.DONE
    assert any("refuses to find contacts by tag" in note for note in outcome.notes)
    assert current(deployment) == before


@pytest.mark.nightly
def test_tags_are_swept_again_when_they_are_due_and_within_the_budget(deployment: Deployment) -> None:
    def swept() -> int:
        before = deployment.query("select count(*) from intercom_raw.contact_tag_scans")[0][0]
        assert deployment.sync().exit_code == ExitCode.DONE
        after: int = deployment.query("select count(*) from intercom_raw.contact_tag_scans")[0][0]
        return after - int(before)

    there = len(deployment.workspace.lists["tags"].of())
    deployment.settings.sweep_budget = 2
    assert [swept(), swept()] == [2, 2]
    deployment.settings.sweep_budget = there
    assert swept() == there - 4
    deployment.workspace.advance(hours=1)
    assert swept() == 0


@pytest.mark.nightly
def test_a_removed_run_is_made_up_for(deployment: Deployment) -> None:
    deployment.workspace.untag(tagged(deployment)[0], "vip")
    removed = deployment.sync()
    deployment.workspace.advance(days=1)
    deployment.workspace.tag(sorted(deployment.workspace.contacts)[0], "vip")
    assert deployment.sync().exit_code == ExitCode.DONE

    Repair(deployment.warehouse, deployment.name, run_id=removed.run_id, clock=deployment.workspace.now).run()

    assert current(deployment) == pairs_of(deployment)
    deployment.workspace.advance(days=1)
    assert deployment.sync().exit_code == ExitCode.DONE
    assert current(deployment) == pairs_of(deployment)


def test_a_forgotten_contact_is_in_no_row(deployment: Deployment) -> None:
    forgotten = tagged(deployment)[0]

    Forget(deployment.warehouse, contact_id=forgotten).run()

    rows = deployment.query("select contact_id from intercom_raw.contact_tag_changes")
    assert (forgotten,) not in rows


def test_tags_alone_have_their_history(deployment: Deployment) -> None:
    deployment.workspace.untag(tagged(deployment)[0], "vip")

    assert deployment.sync(only=("contact_tags",)).exit_code == ExitCode.DONE

    assert current(deployment) == pairs_of(deployment)


@pytest.mark.nightly
def test_a_list_of_tags_that_is_refused_ends_nothing(deployment: Deployment) -> None:
    before = current(deployment)
    deployment.workspace.lists["tags"].is_refused = True
    deployment.workspace.untag(tagged(deployment)[0], "vip")

    assert deployment.sync().exit_code == ExitCode.DONE

    assert current(deployment) == before
