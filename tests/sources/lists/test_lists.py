"""The lists of the catalogue: every table equals the workspace, and nothing is deleted without proof."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ExitCode, Misconfigured
from sandbox.people import references
from sources.intercom.catalog import ALL, BY_NAME, RESOURCES, TABLES
from sources.intercom.search import Progress

from ...support.deployments import Deployment, after_first_run, lively_workspace
from ...support.lists import complete_tables, different_tables, loaded, related, truth
from ...support.nightly import nightly, nightly_except

TYPES = ["Order"]
SINCE = {"2.14": {"custom_objects", "macros", "audiences", "folders"}}


def deployed(folder: Path, *resources: str, version: str = "Preview", **sizes: int) -> Deployment:
    workspace = lively_workspace(**({"contacts": 20, "segments": 2} | sizes))
    deployment = Deployment(folder / "data", workspace, resources=resources, has_marts=False)
    deployment.settings.api_version, deployment.settings.custom_objects = version, TYPES
    return deployment


def synced(folder: Path, *resources: str, **sizes: int) -> Deployment:
    """After its first run. The next ones read the lists alone."""

    def first(data: Path) -> Deployment:
        return deployed(data.parent, *resources, version="Preview", **sizes)

    deployment = after_first_run(f"synced lists {resources} {sizes}", first, folder / "data")
    deployment.lists_only = True
    return deployment


def equal_tables(deployment: Deployment) -> set[str]:
    """The tables whose list was complete when it was last read. Those that do not equal the workspace fail."""
    assert different_tables(deployment) == []
    return set(complete_tables(deployment))


def marked(deployment: Deployment, name: str) -> set[str]:
    return {str(row[0]) for row in deployment.query(f"select id from intercom_raw.{name} where is_deleted")}


@pytest.mark.parametrize(
    ("version", "days"), nightly_except([("Preview", 1), ("Preview", 3), ("2.14", 3), ("2.7", 2)], ("Preview", 1))
)
def test_every_table_equals_the_workspace_day_by_day(tmp_path: Path, version: str, days: int) -> None:
    deployment = deployed(tmp_path, ALL, version=version)
    for company in list(deployment.workspace.lists["companies"].of())[:3]:
        deployment.workspace.lists.add_note(company, 1, 1_700_000_000)
    outcome = deployment.sync()
    assert outcome.exit_code == ExitCode.DONE
    tables = equal_tables(deployment)
    assert (
        tables == TABLES.keys()
        if version == "Preview"
        else {"admins", "companies", "articles"} <= tables < TABLES.keys()
    )

    for _ in range(days):
        deployment.workspace.live(days=1)
        deployment.workspace.live_lists(24)
        assert deployment.sync().exit_code == ExitCode.DONE
        assert equal_tables(deployment) == tables


def test_a_run_without_changes_reads_each_list_once_and_writes_nothing(tmp_path: Path) -> None:
    deployment = synced(tmp_path, "default")
    deployment.lists_only = False
    before = deployment.workspace.calls.copy()

    outcome = deployment.sync()

    made = deployment.workspace.calls - before
    assert deployment.query(
        "select sum(changed + deleted) from intercom_raw.list_reads where run_id = ?", outcome.run_id
    ) == [(0,)]
    pages = {
        "newsfeed_items": 2,
        "external_pages": 2,
        "news_items": 2,
        "internal_articles": 2,
    }
    assert {name: made[name] for name in TABLES if made[name] > 1} == pages
    assert made["companies"] == 0
    assert made["companies search"] == 1


@pytest.mark.parametrize("name", nightly(["tags", "articles", "companies", "admins"], "tags", "articles", "admins"))
def test_a_deleted_record_is_marked_once_and_a_short_list_deletes_nothing(tmp_path: Path, name: str) -> None:
    deployment = synced(tmp_path, name)
    collection = deployment.workspace.lists[name]
    gone, kept = list(collection.of())[:2]
    collection.short += [2] * 4

    short = deployment.sync(full=True)

    assert marked(deployment, name) == set()
    assert short.exit_code == ExitCode.INCOMPLETE
    collection.short.clear()
    collection.remove(gone)

    deployment.sync(full=True)
    deployment.sync(full=True)

    assert marked(deployment, name) == {gone}
    assert deployment.query("select sum(deleted) > 0 from intercom_raw.list_reads group by run_id order by 1")[-2:] == [
        (False,),
        (True,),
    ]
    assert kept in {row[0] for row in deployment.query(f"select id from intercom_raw.{name} where not is_deleted")}


@pytest.mark.parametrize("answers", nightly(["0", "0 0", "1", "1 0"], "0", "0 0", "1"))
@pytest.mark.nightly
def test_a_list_without_lookups_needs_two_whole_answers(tmp_path: Path, answers: str) -> None:
    deployment = synced(tmp_path, "ticket_states")
    deployment.workspace.lists["ticket_states"].short += [int(kept) for kept in answers.split()]

    outcome = deployment.sync()

    assert marked(deployment, "ticket_states") == set()
    assert outcome.exit_code == ExitCode.INCOMPLETE
    deployment.workspace.lists["ticket_states"].short.clear()
    assert deployment.sync().exit_code == ExitCode.DONE
    deployment.workspace.lists["ticket_states"].remove("8270")

    deployment.sync()

    assert marked(deployment, "ticket_states") == {"8270"}
    assert equal_tables(deployment) == {"ticket_states", "ticket_type_states"}


@pytest.mark.nightly
def test_a_collapse_counts_when_the_next_run_finds_it_too(tmp_path: Path) -> None:
    deployment = synced(tmp_path, "ticket_states")
    deployment.workspace.lists["ticket_states"].records.clear()

    first = deployment.sync()

    assert first.exit_code == ExitCode.INCOMPLETE
    assert marked(deployment, "ticket_states") == set()
    assert deployment.sync().exit_code == ExitCode.DONE
    assert equal_tables(deployment) == {"ticket_states", "ticket_type_states"}


@pytest.mark.nightly
def test_a_collapse_that_is_proved_by_id_counts_at_once(tmp_path: Path) -> None:
    deployment = synced(tmp_path, "articles")
    for number in range(1, 31):
        deployment.workspace.lists["articles"].remove(str(number))
    deployment.workspace.advance(days=1)

    assert deployment.sync().exit_code == ExitCode.DONE
    assert equal_tables(deployment) == {"articles", "article_collections", "article_tags", "article_translations"}


@pytest.mark.nightly
def test_a_list_that_comes_newest_first_is_read_up_to_what_is_known(tmp_path: Path) -> None:
    deployment = synced(tmp_path, "articles", articles=300)
    place = deployment.workspace.lists
    deployment.workspace.advance(hours=1)
    place["articles"].of()["200"] |= {"title": "New", "updated_at": int(deployment.workspace.now().timestamp())}
    before = deployment.workspace.calls.copy()

    assert deployment.sync().exit_code == ExitCode.DONE

    assert (deployment.workspace.calls - before)["articles"] == 2  # the page with the change, and one that is older
    assert different_tables(deployment) == []


@pytest.mark.nightly
def test_a_list_that_is_not_in_order_is_read_to_its_end(tmp_path: Path) -> None:
    deployment = synced(tmp_path, "articles", articles=60)
    articles = deployment.workspace.lists["articles"]
    articles.is_newest_first = False
    deployment.workspace.advance(hours=1)
    changed = list(articles.of())[-1]
    articles.of()[changed] |= {"title": "New", "updated_at": int(deployment.workspace.now().timestamp())}
    articles.of()[next(iter(articles.of()))]["updated_at"] -= 10_000_000  # older than the one behind it

    assert deployment.sync().exit_code == ExitCode.DONE

    assert ("New",) in deployment.query("select title from intercom_raw.articles")


@pytest.mark.nightly
def test_a_record_that_returns_is_no_longer_marked(tmp_path: Path) -> None:
    deployment = synced(tmp_path, "tags")
    tags = deployment.workspace.lists["tags"]
    (tag_id, tag), *_ = tags.of().items()
    tags.remove(tag_id)
    deployment.sync()
    assert marked(deployment, "tags") == {tag_id}
    tags.put(tag)

    deployment.sync()

    assert marked(deployment, "tags") == set()


@pytest.mark.parametrize("name", nightly(["tags", "companies", "help_centers"], "tags", "help_centers"))
def test_a_refused_list_is_a_note_and_neither_empty_nor_the_end(tmp_path: Path, name: str) -> None:
    deployment = deployed(tmp_path, "default")
    deployment.workspace.lists[name].is_refused = True

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert any(name in note and BY_NAME[name].scope in note for note in outcome.notes)
    assert not deployment.query(
        "select 1 from information_schema.tables where table_schema = 'intercom_raw' and table_name = ?", name
    )
    assert "admins" in equal_tables(deployment)
    deployment.lists_only = True
    deployment.workspace.lists[name].is_refused = False
    deployment.sync()
    assert name in equal_tables(deployment)
    deployment.workspace.lists[name].is_refused = True

    deployment.sync()

    assert loaded(deployment, name) == {name: truth(deployment.workspace, name)}


@pytest.mark.nightly
def test_a_scroll_of_another_client_is_waited_for_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sources.intercom.lists.reader.SECONDS_OF_A_SCROLL", 0)
    deployment = deployed(tmp_path, "companies")
    deployment.workspace.lists.scroll_taken = 2
    assert deployment.sync().exit_code == ExitCode.DONE
    assert "companies" in equal_tables(deployment)
    deployment.workspace.lists.scroll_taken = 3
    deployment.workspace.lists["companies"].remove(f"{1:024x}")

    outcome = deployment.sync(full=True)

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert any("another tool" in note for note in outcome.notes), outcome.notes
    assert marked(deployment, "companies") == set()


@pytest.mark.parametrize("status", nightly([500, 502], 502))
@pytest.mark.nightly
def test_a_list_that_fails_for_good_leaves_all_others_loaded(tmp_path: Path, status: int) -> None:
    deployment = synced(tmp_path, "default")
    deployment.workspace.faults.status(status, times=50, path_prefix="/articles")
    deployment.workspace.live_lists(20)

    outcome = deployment.sync(full=True)

    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert "articles" not in equal_tables(deployment)
    deployment.workspace.faults.clear()
    deployment.sync()
    assert "articles" in equal_tables(deployment)


@pytest.mark.nightly
def test_children_are_asked_for_changed_parents_only(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, "companies", "company_notes")
    companies = list(deployment.workspace.lists["companies"].of())
    now = int(deployment.workspace.now().timestamp())
    for number, company in enumerate(companies[:4]):
        deployment.workspace.lists.add_note(company, number, now)
    deployment.sync()
    assert deployment.workspace.calls["company_notes"] == 4
    deployment.workspace.advance(hours=1)
    deployment.sync()
    assert deployment.workspace.calls["company_notes"] == 4
    deployment.workspace.lists.add_note(companies[1], 77, int(deployment.workspace.now().timestamp()))

    deployment.sync()

    assert deployment.workspace.calls["company_notes"] == 5
    assert "company_notes" in equal_tables(deployment)


def pairs(deployment: Deployment, kind: str) -> set[tuple[Any, ...]]:
    key = {"companies": "company_id", "tags": "tag_id"}[kind]
    rows = deployment.query(f"select contact_id, {key} from intercom.contact_{kind}")
    assert len(rows) == len(set(rows))
    present = deployment.workspace.contacts
    return {(contact_id, one) for contact_id, one in rows if contact_id in present}


@pytest.mark.parametrize("kind", nightly(["companies", "tags"], "tags"))
def test_relations_of_contacts_are_whole_although_intercom_sends_ten(tmp_path: Path, kind: str) -> None:
    deployment = deployed(tmp_path, f"contact_{kind}", contacts=300)
    deployment.has_marts = True  # they add the relations that contacts hold
    workspace = deployment.workspace
    for contact_id in list(workspace.contacts)[:5]:
        _relate(deployment, contact_id, kind, 25)
    cut = sum(contact.attributes[kind]["has_more"] for contact in workspace.contacts.values())
    deployment.sync()
    assert pairs(deployment, kind) == related(workspace, kind)
    assert cut >= 5
    assert workspace.calls[f"contact_{kind}"] == cut
    changed = list(workspace.contacts)[3:8]
    workspace.advance(hours=1)
    for number, contact_id in enumerate(changed):
        _relate(deployment, contact_id, kind, number * 4)

    deployment.sync()

    assert pairs(deployment, kind) == related(workspace, kind)
    again = 3  # the overlap reads three of the first five again
    assert workspace.calls[f"contact_{kind}"] == cut + again + 2  # of the five that changed, two have more than ten


def _relate(deployment: Deployment, contact_id: str, kind: str, count: int) -> None:
    noun = {"companies": "company", "tags": "tag"}[kind]
    ids = [f"{contact_id[:8]}{number:04}" for number in range(min(count, 10))]
    listed = references(noun, ids, url="/") | {"total_count": count, "has_more": count > 10}
    deployment.workspace.update(contact_id, **{kind: listed})


@pytest.mark.nightly
def test_a_failed_call_for_a_contact_is_made_again(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, "contact_companies", "contact_notes", contacts=300)
    deployment.has_marts = True
    contact_id = next(iter(deployment.workspace.contacts))
    _relate(deployment, contact_id, "companies", 25)
    deployment.workspace.faults.status(500, times=6, path_prefix=f"/contacts/{contact_id}/companies")

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.INCOMPLETE
    deployment.workspace.faults.clear()
    assert deployment.sync().exit_code == ExitCode.DONE
    assert pairs(deployment, "companies") == related(deployment.workspace, "companies")
    assert equal_tables(deployment) == {"contact_companies", "contact_notes"}


ODD: list[Any] = [None, 7, 10**400, 1.5, True, "text", [], {}, [[]], {"a": {"b": None}}]


@pytest.mark.nightly
def test_without_a_type_custom_objects_are_not_said_to_be_complete(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, "custom_objects")
    deployment.settings.custom_objects = []

    assert deployment.sync().exit_code == ExitCode.DONE

    assert deployment.query("select status, problem, calls from intercom_raw.list_reads") == [
        ("not_offered", "the setting custom_objects names no type", 0)
    ]


@pytest.mark.parametrize("types", nightly(["Ordr", "", "Order Ordr"], "", "Order Ordr"))
@pytest.mark.nightly
def test_a_misspelled_type_of_custom_objects_deletes_nothing(tmp_path: Path, types: str) -> None:
    deployment = synced(tmp_path, "custom_objects")
    deployment.settings.custom_objects = types.split()

    outcome = deployment.sync()

    assert marked(deployment, "custom_objects") == set()
    assert loaded(deployment, "custom_objects") == {"custom_objects": truth(deployment.workspace, "custom_objects")}
    assert outcome.exit_code == (ExitCode.INCOMPLETE if types else ExitCode.DONE)
    assert any("Ordr" in note and "setting custom_objects" in note for note in outcome.notes) == bool(types)


@pytest.mark.nightly
def test_some_lists_alone_are_read_only_where_a_sync_has_made_tables(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    deployment.has_marts = True
    with pytest.raises(Misconfigured, match="sync first"):
        deployment.sync(only=["tags"])
    deployment.sync()
    before = deployment.workspace.calls.copy()

    outcome = deployment.sync(only=["tags"])

    assert outcome.lists == {"tags": "complete"}
    assert deployment.workspace.calls - before == {"me": 1, "tags": 1}
    assert equal_tables(deployment) == {"tags"}
    deployment.workspace.live(days=1)
    deployment.sync()
    assert deployment.members() == deployment.workspace.pairs()


WITH_RECORDS = sorted(
    {one.table for one in RESOURCES if one.is_listed} - {"article_statistics", "company_notes", "custom_objects"}
)
WITH_RECORDS = [name for name in WITH_RECORDS if not name.startswith("contact_")]


@pytest.mark.nightly
def test_an_odd_value_costs_that_value_alone(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, *WITH_RECORDS)
    sizes = {}
    for name in WITH_RECORDS:
        records = [record for _, record in deployment.workspace.lists[name].all()]
        sizes[name] = (len(records), len(records))
        for number, record in enumerate(records):
            fields = sorted(record.keys() - {"id", "type"})
            record[fields[number % len(fields)]] = ODD[number % 6]
            record["surprise"] = ODD[number % len(ODD) - 3] if number % 2 else "kept"

    assert deployment.sync().exit_code == ExitCode.DONE

    counted = {
        name: deployment.query(f"select count(*), count(_extra) from intercom_raw.{name}")[0] for name in WITH_RECORDS
    }
    assert counted == sizes


@pytest.mark.nightly
def test_the_records_of_lists_are_counted_while_they_are_read(tmp_path: Path) -> None:
    watched = list[Progress]()

    def watch(progress: Progress) -> AbstractContextManager[object]:
        watched.append(progress)
        return nullcontext()

    deployment = deployed(tmp_path, "companies", "tags", companies=250)
    deployment.sync(watch=watch)

    records = watched[-1].records
    listed = len(deployment.workspace.lists["companies"].of()) + len(deployment.workspace.lists["tags"].of())
    assert records.rows == records.expected == listed
    assert records.calls >= 250 / 100


def planned_calls(deployment: Deployment) -> dict[str, int | None]:
    return {one.table_name: one.calls for one in deployment.job().preview().lists}


@pytest.mark.nightly
def test_statistics_are_asked_for_once_in_sweep_every_or_if_the_article_changed(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, "articles", "article_statistics", articles=12)
    workspace = deployment.workspace
    asked, planned = list[int](), list[int | None]()
    for hours, changes in ((0, 0), (2, 0), (2, 1), (deployment.settings.sweep_every, 0)):
        workspace.advance(hours=hours)
        for number in range(1, changes + 1):
            workspace.lists.add_article(number, int(workspace.now().timestamp()))
        workspace.advance(hours=0.1)
        planned.append(planned_calls(deployment)["article_statistics"])
        deployment.sync()
        ((calls,),) = deployment.query(
            "select max_by(calls, observed_at) from intercom_raw.list_reads where table_name = 'article_statistics'"
        )
        asked.append(calls)

    assert asked == [12, 0, 1, 12]
    assert planned == [12, 12, 0, 12]
    assert different_tables(deployment) == []


@pytest.mark.nightly
def test_a_plan_knows_when_a_list_is_read_whole_again(tmp_path: Path) -> None:
    deployment = synced(tmp_path, "companies", companies=250)
    deployment.workspace.advance(hours=1)
    deployment.sync()
    deployment.workspace.advance(hours=1)
    changes = planned_calls(deployment)

    deployment.workspace.advance(hours=deployment.settings.sweep_every + 1)

    assert changes == {"companies": 1}
    assert planned_calls(deployment) == {"companies": 4}
    before = deployment.workspace.calls["companies"]
    deployment.sync()
    assert deployment.workspace.calls["companies"] - before == 4
