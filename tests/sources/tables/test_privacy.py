"""Excluded and hashed values are never written, in runs that succeed and in runs that fail."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ExitCode
from pipelines.folder import owner_only
from sandbox.world import Workspace
from sources.intercom.tables import CONTACT_ACTIVITIES, Fields, Privacy, problems, read_contact, rows_table
from sources.intercom.tables.contacts import contacts_table
from sources.intercom.tables.privacy import COLUMNS, NEEDED

from ...support.deployments import Deployment
from ...support.first_loads import large_deployment
from ...support.interference import Stop, breaks_loading, stop
from ...support.nightly import nightly_except
from ...support.patience import HANG_SECONDS
from ...support.personal_data import CANARY, canaries, found_in, hidden, hide_all, personal
from ...support.terminal import LOGGING_ALL, Terminal

KEY = "thirty-two letters, or a few more"


def hashed(text: str) -> str:
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def json_hash(text: str) -> str:
    return json.dumps(hashed(text))


def row(privacy: Privacy, **sent: Any) -> dict[str, Any]:
    """The raw row of a contact, without nulls."""
    table = contacts_table("w", [read_contact(json.dumps({"id": "c1", **sent}).encode())])
    (loaded,) = privacy.redacted(table).to_pylist()
    return {name: value for name, value in loaded.items() if value is not None and name not in ("workspace_id", "id")}


def hashing(*names: str) -> Privacy:
    return Privacy(hashed=frozenset(names), key=KEY.encode())


def excluding(*names: str) -> Privacy:
    return Privacy(excluded=frozenset(names))


@pytest.mark.parametrize(
    ("name", "sent", "kept"),
    [
        ("name", {"name": "Ann", "phone": "1"}, {"phone": "1"}),
        ("last_seen_at", {"last_seen_at": 5}, {}),
        ("has_hard_bounced", {"has_hard_bounced": True}, {}),
        ("location", {"location": {"city": "Paris"}}, {}),
        ("email", {"email": {"was": "text"}}, {}),
        ("email", {"email": {"was": "text"}, "shoe_size": 41}, {"_extra": '{"shoe_size":41}'}),
        ("_extra", {"shoe_size": 41, "browser": ["odd"]}, {}),
        (
            "custom_attributes.ssn",
            {"custom_attributes": {"ssn": 1, "plan": "x"}},
            {"custom_attributes": '{"plan":"x"}'},
        ),
        ("custom_attributes.a.b", {"custom_attributes": {"a.b": 1, "a": 2}}, {"custom_attributes": '{"a":2}'}),
        ("custom_attributes.ssn", {"custom_attributes": {"ssn": 1}}, {}),
        ("custom_attributes.ssn", {"custom_attributes": [{"name": "ssn", "value": 1}]}, {}),
    ],
)
def test_what_is_excluded_is_nowhere_in_the_row(name: str, sent: dict[str, Any], kept: dict[str, Any]) -> None:
    assert row(excluding(name), **sent) == kept


@pytest.mark.parametrize(
    ("name", "sent", "kept"),
    [
        ("name", {"name": "Ann"}, {"name": hashed("Ann")}),
        ("name", {"name": 42}, {"name": hashed("42")}),
        ("name", {"name": ""}, {"name": hashed("")}),
        ("email", {"email": " Ann@Example.COM "}, {"email": hashed("ann@example.com")}),
        ("external_id", {"external_id": "Ann"}, {"external_id": hashed("Ann")}),
        ("email", {"email": None}, {}),
        ("email", {"email": [1]}, {"_extra": f'{{"email":{json_hash("[1]")}}}'}),
        ("location", {"location": {"b": 1, "a": [2, "x"]}}, {"location": json_hash('{"a":[2,"x"],"b":1}')}),
        ("avatar", {"avatar": "a.png"}, {"avatar": json_hash("a.png")}),
        ("_extra", {"shoe_size": 41}, {"_extra": json_hash('{"shoe_size":41}')}),
        (
            "custom_attributes.id",
            {"custom_attributes": {"id": "Ann", "n": None}},
            {"custom_attributes": f'{{"id":{json_hash("Ann")},"n":null}}'},
        ),
        ("custom_attributes.id", {"custom_attributes": {"id": None}}, {"custom_attributes": '{"id":null}'}),
        ("custom_attributes.id", {"custom_attributes": {"other": 1}}, {"custom_attributes": '{"other": 1}'}),
    ],
)
def test_what_is_hashed_is_there_as_a_hash_of_its_text(name: str, sent: dict[str, Any], kept: dict[str, Any]) -> None:
    assert row(hashing(name), **sent) == kept


def test_a_number_too_large_to_be_read_is_hashed_as_it_was_sent() -> None:
    table = contacts_table("w", [read_contact(b'{"id": "c1", "location": {"lat": 1e400}}')])

    (kept,) = hashing("location").redacted(table).to_pylist()

    assert kept["location"] == json_hash('{"lat": 1e400}')


def test_the_feed_of_activities_goes_by_the_rule_for_external_ids() -> None:
    sent = rows_table(CONTACT_ACTIVITIES, [{"workspace_id": "w", "id": "1", "contact_id": "c", "external_id": "Ann"}])

    (kept,) = hashing("external_id", "name").redacted(sent).to_pylist()
    (left,) = excluding("external_id").redacted(sent).to_pylist()

    assert (kept["external_id"], kept["contact_id"]) == (hashed("Ann"), "c")
    assert left["external_id"] is None


def test_without_settings_a_table_stays_the_very_same() -> None:
    table = contacts_table("w", [read_contact(b'{"id": "c1", "name": "Ann"}')])

    assert Privacy().redacted(table) is table


def test_the_key_is_in_no_text_of_the_settings() -> None:
    assert KEY not in repr(hashing("email"))


@pytest.mark.nightly
def test_hidden_columns_are_not_reported_as_missing_fields(synced: Deployment) -> None:
    hide_all(synced.settings)
    hiding = synced.sync(full=True)
    again = synced.sync(full=True)

    assert (hiding.drift, again.drift) == ((), ())


def test_a_column_is_of_the_same_type_hidden_or_not(synced: Deployment) -> None:
    columns = "select column_name, data_type from duckdb_columns() where table_name = 'contacts'"
    before = synced.query(columns)

    hide_all(synced.settings)
    synced.sync(full=True)

    assert synced.query(columns) == before


@pytest.mark.nightly
def test_hashed_contacts_stay_distinct_and_join_with_their_activities(deployment: Deployment) -> None:
    deployment.settings.hash_columns, deployment.settings.hash_key = ["external_id", "email"], KEY
    deployment.sync()
    deployment.workspace.sign_up(external_id="Ann", email="Ann@Example.com")
    deployment.sync()

    assert deployment.query(
        "select contacts.external_id, contacts.email from intercom_raw.contacts as contacts "
        "join intercom_raw.contact_activities as activities on contacts.external_id = activities.external_id"
    ) == [(hashed("Ann"), hashed("ann@example.com"))]


LISTS = ("exclude_columns", "hash_columns")


@pytest.mark.parametrize(
    ("excluded", "hashed_ones", "key", "message"),
    [
        (["e-mail"], [], None, "'e-mail' cannot be"),
        ([], ["custom_attributes."], KEY, "'custom_attributes.' cannot be"),
        (["location.country"], [], None, "'location.country' cannot be"),
        (["updated_at"], [], None, "'updated_at' cannot be"),
        (["email"], ["email"], KEY, "email is both in exclude_columns and in hash_columns"),
        (["custom_attributes"], ["custom_attributes.id"], KEY, "custom_attributes.id as a part of it"),
        ([], ["last_seen_at"], KEY, "last_seen_at holds no text"),
        ([], ["has_hard_bounced"], KEY, "has_hard_bounced holds no text"),
        ([], ["email"], None, "SOURCES__INTERCOM__HASH_KEY"),
        ([], ["email"], "fifteen letters", "at least 32 random characters"),
    ],
)
def test_what_cannot_be_is_refused(excluded: list[str], hashed_ones: list[str], key: str | None, message: str) -> None:
    (problem,) = problems(excluded, hashed_ones, key)

    assert message in problem
    assert key is None or key not in problem


def test_everything_else_can_be_named() -> None:
    assert list(problems([*COLUMNS, "custom_attributes.a b.c"], [], None))[1:] == []
    assert list(problems([], [name for name in COLUMNS if "_extra" in name], KEY)) == []


def test_the_message_for_a_refused_setting_lists_the_columns_and_not_the_key(terminal: Terminal) -> None:
    ended = terminal.run(
        "sync", SOURCES__INTERCOM__EXCLUDE_COLUMNS='["mail"]', SOURCES__INTERCOM__HASH_KEY="s3cret-key"
    )

    said = " ".join(ended.errors.split())
    assert ended.exit_code == 2
    assert all(name in said for name in (*NEEDED, *COLUMNS, "custom_attributes.NAME"))
    assert "s3cret-key" not in said


def breaks_normalizing(folder: Path) -> None:
    """Puts a file where a folder has to be."""
    place = folder / "pipelines" / "intercom" / "load" / "new"
    place.rmdir()
    place.write_text("")


BROKEN: dict[str, Callable[[Terminal], None]] = {
    "nowhere": lambda terminal: None,
    "while it extracts": lambda terminal: terminal.workspace.faults.status(401, times=None, path_prefix="/segments"),
    "while it normalizes": lambda terminal: breaks_normalizing(terminal.folder),
    "while it loads": lambda terminal: breaks_loading(terminal.folder),
}


def put_canaries(workspace: Workspace) -> None:
    for contact_id in sorted(workspace.contacts)[:20]:
        workspace.update(contact_id, **personal())
    workspace.update(max(workspace.contacts), email={"was": f"{CANARY}-email"}, browser=[f"{CANARY}-browser"])
    workspace.sign_up(**personal())  # the activity feed reports it, with its external id


@pytest.mark.parametrize("broken", nightly_except(BROKEN, "while it loads"))
def test_with_all_hidden_nothing_personal_is_in_any_file_log_or_trace(terminal: Terminal, broken: str) -> None:
    excluded, to_hash = hidden()
    environment = terminal.environment(
        RUNTIME__LOG_LEVEL="DEBUG",
        SOURCES__INTERCOM__EXCLUDE_COLUMNS=json.dumps(excluded),
        SOURCES__INTERCOM__HASH_COLUMNS=json.dumps(to_hash),
        SOURCES__INTERCOM__HASH_KEY=KEY,
    )
    terminal.copy_first_sync()
    put_canaries(terminal.workspace)
    BROKEN[broken](terminal)

    python = [sys.executable, "-c", LOGGING_ALL]
    ended = subprocess.run(
        [*python, "--debug", "sync"], cwd="/", env=environment, capture_output=True, timeout=HANG_SECONDS
    )

    assert (ended.returncode == 0) == (broken == "nowhere"), ended.stderr
    steps = [step for step in ("Reading segments", "Loading", "Building") if f"· {step}".encode() in ended.stderr]
    assert len(steps) == {"while it extracts": 1, "nowhere": 3}.get(broken, 2)
    assert CANARY.encode() not in ended.stdout + ended.stderr
    assert KEY.encode() not in ended.stdout + ended.stderr
    assert found_in(terminal.folder, [CANARY, KEY]) == {}
    assert {path.stat().st_mode & 0o077 for path in terminal.folder.rglob("*")} == {0}


def test_canaries_are_found_where_nothing_is_hidden(deployment: Deployment) -> None:
    put_canaries(deployment.workspace)

    deployment.sync()

    assert found_in(deployment.folder, canaries()) == {
        "warehouse.duckdb": canaries(),
        "published.duckdb": canaries(),
    }


@pytest.mark.nightly
def test_pending_packages_are_in_dlts_folder_until_they_are_loaded(deployment: Deployment) -> None:
    put_canaries(deployment.workspace)

    with pytest.raises(Stop):
        deployment.sync(say=stop)
    waiting = found_in(deployment.folder, [CANARY])
    deployment.sync()

    assert waiting
    assert {path.partition("/")[0] for path in waiting} == {"pipelines"}
    assert found_in(deployment.folder, [CANARY]).keys() == {"warehouse.duckdb", "published.duckdb"}


@pytest.mark.nightly
@pytest.mark.parametrize("is_hidden", [False, True])
def test_a_first_load_that_is_cut_off_saves_only_what_may_be_kept(
    make_deployment: Callable[..., Deployment], is_hidden: bool
) -> None:
    deployment = large_deployment(make_deployment)
    for contact_id in list(deployment.workspace.contacts):
        deployment.workspace.update(contact_id, name=f"{CANARY}-name")
    deployment.settings.exclude_columns = ["name"] if is_hidden else []

    with pytest.raises(Stop):
        deployment.sync(say=stop)

    shelves = {path.partition("/first_load/")[1] for path in found_in(deployment.folder, [CANARY])}
    assert (shelves == set()) if is_hidden else ("/first_load/" in shelves)


def test_files_are_for_their_owner_only_with_any_earlier_mode(synced: Deployment) -> None:
    for path in synced.folder.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    (synced.folder / "another program's").write_text("left alone")
    (synced.folder / "another program's").chmod(0o644)

    synced.sync()

    modes = {path.name: path.stat().st_mode & 0o077 for path in synced.folder.rglob("*")}
    assert {name for name, mode in modes.items() if mode} == {"another program's"}


def test_after_a_run_that_failed_files_are_for_their_owner_only(deployment: Deployment) -> None:
    with pytest.raises(Stop):
        deployment.sync(say=stop)

    assert {path.stat().st_mode & 0o077 for path in deployment.folder.rglob("*")} == {0}
    assert deployment.folder.stat().st_mode & 0o077 == 0


@pytest.fixture(params=[0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_outside_of_a_run_the_umask_is_the_callers(tmp_path: Path, umask: int) -> None:
    with owner_only():
        (tmp_path / "ours").touch()
    (tmp_path / "theirs").touch()

    assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "theirs").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_field_of_another_type_is_reported_without_its_value() -> None:
    fields = Fields(None, Privacy())

    fields.table("w", [read_contact(json.dumps({"id": "c1", "email": {"was": CANARY}}).encode())])

    assert CANARY not in json.dumps([*fields.changes(), fields.known()])


@pytest.mark.parametrize(
    ("privacy", "treatment"),
    [
        (excluding("email"), "left out"),
        (excluding("_extra"), "left out"),
        (hashing("email"), "hashed in _extra"),
        (hashing("_extra"), "hashed in _extra"),
        (hashing("name"), "kept in _extra"),
    ],
)
def test_the_report_says_what_happened_to_a_value_of_another_type(privacy: Privacy, treatment: str) -> None:
    fields = Fields(None, privacy)

    fields.table("w", [read_contact(b'{"id": "c1", "email": ["odd"]}')])

    assert list(fields.changes()) == [f"1 contacts have another type in email than documented: null there, {treatment}"]


def test_exit_code_of_a_run_with_all_hidden_is_zero(deployment: Deployment) -> None:
    hide_all(deployment.settings)

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert deployment.members() == deployment.workspace.pairs()
