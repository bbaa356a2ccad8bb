"""The warehouse decides: a working folder of another state, or with a file that cannot be read, is made again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dlt.common.storages.load_package import PackageStorage

from pipelines.errors import ExitCode
from pipelines.folder import is_loaded
from pipelines.loading.working_folder import OTHER_STATE, UNREADABLE

from ...soak.audit import check_keys
from ...soak.kills import POINTS, Death
from ...support.deployments import Deployment
from ...support.first_loads import contacts, true_contacts


def working_folder(deployment: Deployment) -> Path:
    return deployment.warehouse.working_folder(deployment.name)


def check_truth(deployment: Deployment) -> None:
    assert deployment.members() == deployment.workspace.pairs()
    assert contacts(deployment) == true_contacts(deployment.workspace)
    check_keys(deployment)


def check_loaded(deployment: Deployment) -> None:
    """As `check_truth`, in the raw tables: where marts are not built."""
    assert deployment.known() == deployment.workspace.pairs()
    names = dict(deployment.query("select id, name from intercom_raw.contacts"))
    assert [(key, names[key]) for key in sorted(deployment.workspace.contacts)] == true_contacts(deployment.workspace)
    check_keys(deployment)


def test_a_package_is_loaded_once_dlt_has_said_so(tmp_path: Path) -> None:
    before = is_loaded(tmp_path)
    (tmp_path / PackageStorage.PACKAGE_COMPLETED_FILE_NAME).touch()

    assert not before
    assert is_loaded(tmp_path)


@pytest.mark.nightly
def test_a_warehouse_that_was_restored_from_a_backup_is_up_to_date_after_one_sync(
    synced: Deployment, tmp_path: Path
) -> None:
    shutil.copy(synced.warehouse.file, tmp_path / "backup")
    for _ in range(2):
        synced.workspace.live(days=1)
        synced.sync()
    shutil.copy(tmp_path / "backup", synced.warehouse.file)

    outcome = synced.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert OTHER_STATE in outcome.notes
    check_truth(synced)
    assert synced.sync().notes == ()


@pytest.mark.nightly
def test_the_working_folder_of_another_warehouse_is_dropped(synced: Deployment, tmp_path: Path) -> None:
    other = Deployment(tmp_path / "other", synced.workspace)
    other.sync()
    shutil.rmtree(working_folder(synced))
    shutil.copytree(working_folder(other), working_folder(synced))
    synced.workspace.live(days=1)

    synced.sync()

    check_truth(synced)


def files_below(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


@pytest.mark.nightly
def test_whichever_file_is_cut_off_one_sync_equals_the_workspace(synced: Deployment) -> None:
    read = (name for name in files_below(working_folder(synced)) if "trace" not in name.name)
    for half, name in enumerate(name for name in read if "loaded" not in name.parts):
        file = working_folder(synced) / name
        if not file.exists():
            continue
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2 * (half % 2)])  # every other one is emptied

        outcome = synced.load()

        assert outcome.exit_code == ExitCode.DONE, name
        assert UNREADABLE in outcome.notes, name
    synced.sync()
    check_truth(synced)


@pytest.mark.long
@pytest.mark.nightly
def test_whichever_file_of_a_pending_package_is_cut_off_one_sync_equals_the_workspace(
    killed: Callable[[Death], Deployment], tmp_path: Path
) -> None:
    deployment = killed(POINTS["when memberships are merged, but not marked so"])
    deployment.has_marts = False
    shutil.copytree(deployment.folder, tmp_path / "pending")
    for half, name in enumerate(files_below(working_folder(deployment) / "load" / "normalized")):
        shutil.rmtree(deployment.folder)
        shutil.copytree(tmp_path / "pending", deployment.folder)
        file = working_folder(deployment) / "load" / "normalized" / name
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2 * (half % 2)])  # every other one is emptied

        outcome = deployment.sync()

        assert outcome.exit_code == ExitCode.DONE, name
        check_loaded(deployment)
