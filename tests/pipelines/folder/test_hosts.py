"""Data folders with any name, of any owner, with links in them."""

import os
import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.commands import Forget, Rebuild
from pipelines.commands.status import StatusQuery
from pipelines.destinations import Warehouse
from pipelines.destinations.duckdb import DuckDB
from pipelines.errors import ExitCode, Misconfigured
from pipelines.folder.ownership import refuse_foreign

from ...support.deployments import Deployment, lively_workspace
from ...support.nightly import nightly_except
from ...support.terminal import Terminal

ONE_DAY = timedelta(days=1)
PATHS = ["o'brien data/feature%2Fnew/100% #q", 'a b/日本 ünï/{x}/a"b/a;b[1]*']
"""Folders within folders, each with a name that some program reads otherwise; dlt reads the first path otherwise."""


@pytest.mark.parametrize("name", ["a?b", "back\\slash"])
def test_a_name_that_duckdb_cannot_open_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    deployment = Deployment(tmp_path / name, lively_workspace(contacts=60, segments=3))

    with pytest.raises(Misconfigured, match="question mark or a backslash"):
        deployment.sync()

    assert not (tmp_path / name / "warehouse.duckdb").exists()


def a_file(path: Path) -> None:
    path.touch()


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


NO_FOLDERS = {
    "is a file": (a_file, "data"),
    "a part of that path is a file": (a_file, "data/below"),
    "is a link to nothing": (a_link_to_nothing, "data"),
    "is a link to data": (a_link_to_itself, "data"),
    "is too long": (a_file, "x" * 300),
}


@pytest.mark.parametrize("problem", NO_FOLDERS)
def test_a_path_that_is_no_folder_is_refused_by_every_command(terminal: Terminal, tmp_path: Path, problem: str) -> None:
    make, name = NO_FOLDERS[problem]
    (tmp_path / "elsewhere").mkdir()
    make(tmp_path / "elsewhere" / "data")

    for command in ("sync", "status", "models", "check", "repair --dry-run", "abort-pending --yes", "forget --yes c1"):
        ended = terminal.run(*command.split(), WAREHOUSE__DATA_DIR=str(tmp_path / "elsewhere" / name))

        assert ended.exit_code == ExitCode.USAGE, command
        assert "Traceback" not in ended.errors
        if command == "sync":
            assert ended.is_one_paragraph
            assert problem in " ".join(ended.errors.split())


@pytest.mark.nightly
@pytest.mark.parametrize("publish_raw", [True, False])
@pytest.mark.parametrize("path", PATHS)
def test_a_data_folder_may_have_any_name(tmp_path: Path, path: str, publish_raw: bool) -> None:
    folder = tmp_path / path
    deployment = Deployment(folder, lively_workspace(contacts=60, segments=3))
    deployment.warehouse = Warehouse(folder, DuckDB(folder, publish_raw=publish_raw))
    deployment.sync()
    deployment.workspace.live(days=1)

    outcome = deployment.sync()
    Rebuild(deployment.warehouse, clock=deployment.workspace.now).run()
    Forget(deployment.warehouse, contact_id=min(deployment.workspace.contacts), clock=deployment.workspace.now).run()
    status = StatusQuery(deployment.warehouse, deployment.workspace.now()).answer()

    assert outcome.exit_code == ExitCode.DONE
    assert status.unread is None
    shutil.copy(folder / "published.duckdb", tmp_path / "copy.duckdb")
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as connection:
        rows = connection.execute("select count(*) from intercom.current_segment_members").fetchall()
    assert rows == [(len(deployment.workspace.pairs()),)]


def test_the_log_of_a_killed_client_does_not_outlive_the_copy_it_belongs_to(synced: Deployment) -> None:
    client = duckdb.connect(str(synced.warehouse.published))
    client.execute("set checkpoint_threshold = '1TB'; create table notes as select 1 as note")
    log = synced.folder / "published.duckdb.wal"
    left = log.read_bytes() if log.exists() else b"left by a killed client"
    client.close()
    log.write_bytes(left)
    before = StatusQuery(synced.warehouse, synced.workspace.now(), max_age=ONE_DAY).answer()
    synced.workspace.live(days=1)

    synced.sync()

    after = StatusQuery(synced.warehouse, synced.workspace.now(), max_age=ONE_DAY).answer()
    assert before.exit_code == ExitCode.INCOMPLETE
    assert before.unread is not None
    assert after.exit_code == ExitCode.DONE
    assert synced.members() == synced.workspace.pairs()


def test_a_client_that_has_the_copy_open_for_writing_shuts_out_no_reader_of_the_next(synced: Deployment) -> None:
    client = duckdb.connect(str(synced.warehouse.published))
    client.execute("set checkpoint_threshold = '1TB'; create table notes as select 1 as note")
    synced.workspace.live(days=1)

    synced.sync()
    has_log = (synced.folder / "published.duckdb.wal").exists()  # another process could then not open the copy
    client.close()

    assert not has_log
    assert synced.members() == synced.workspace.pairs()


@pytest.mark.parametrize(
    "name",
    nightly_except(
        ["runs.jsonl", "lock.holder", "lock.unfinished", "published.next", "DEMO", "lock"], "runs.jsonl", "lock"
    ),
)
def test_nothing_is_written_through_a_link(synced: Deployment, tmp_path: Path, name: str) -> None:
    target = tmp_path / "target of a link"
    target.write_text("as it was")
    path = synced.folder / name
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    synced.workspace.live(days=1)

    with suppress(Misconfigured):
        synced.sync()

    assert target.read_text() == "as it was"


def test_a_published_copy_that_is_a_link_is_replaced_where_it_is(synced: Deployment, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    shutil.move(synced.warehouse.published, share / "crm.duckdb")
    synced.warehouse.published.symlink_to(share / "crm.duckdb")
    synced.workspace.live(days=1)

    synced.sync()

    assert synced.warehouse.published.is_symlink()
    assert synced.members() == synced.workspace.pairs()


def test_files_of_another_user_are_refused_with_their_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = tmp_path / "runs.jsonl"
    journal.touch(mode=0o600)
    owner = journal.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 12345)
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(Misconfigured, match=r"runs\.jsonl belongs to .*sudo chown -R"):
        refuse_foreign(tmp_path, [journal], kept_by_runs=[journal])


def test_root_does_not_write_into_the_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = tmp_path / "runs.jsonl"
    journal.touch()
    if os.geteuid() != 0:
        pytest.skip("only root can hand a file to another user")
    os.chown(journal, 12345, 12345)

    with pytest.raises(Misconfigured, match=r"belongs to user 12345.*as root"):
        refuse_foreign(tmp_path, [journal], kept_by_runs=[journal])
