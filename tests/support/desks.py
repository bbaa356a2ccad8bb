"""Warehouses of workspaces with conversations and tickets."""

from pathlib import Path
from typing import Any

from .deployments import Deployment, after_first_run, lively_workspace
from .lists import Row, complete_tables, loaded, truth

SIZES = {"contacts": 20, "segments": 1, "conversations": 180, "tickets": 30}


def support_deployment(
    folder: Path, *resources: str, version: str = "Preview", has_marts: bool = False, **sizes: int
) -> Deployment:
    """A workspace whose conversations or tickets were never read."""
    workspace = lively_workspace(**(SIZES | sizes))
    deployment = Deployment(folder, workspace, resources=resources, has_marts=has_marts)
    deployment.settings.api_version = version
    return deployment


def synced_support(
    folder: Path, *resources: str, version: str = "Preview", has_marts: bool = False, **sizes: int
) -> Deployment:
    """The same after its first run, copied: a run for each test would take seconds."""

    def deployed(folder: Path) -> Deployment:
        return support_deployment(folder, *resources, version=version, has_marts=has_marts, **sizes)

    return after_first_run(f"support {resources} {version} {has_marts} {sizes}", deployed, folder)


def differences(deployment: Deployment, *, silent: bool = True) -> dict[str, tuple[set[Row], set[Row]]]:
    """By table the rows that only the warehouse has, and those that only the workspace has.

    Args:
        silent: compare conversations that changed without an update, too.
    """
    ignored = set[Any]() if silent else deployment.workspace.desk.silent
    found = {}
    for name, rows in loaded(deployment, *complete_tables(deployment)).items():
        expected = truth(deployment.workspace, name, deployment.settings.api_version)
        ours, theirs = ({row for row in one if row[0] not in ignored} for one in (rows, expected))
        if ours != theirs:
            found[name] = (ours - theirs, theirs - ours)
    return found


def marked(deployment: Deployment, name: str) -> set[str]:
    """The ids of the records that are marked as deleted."""
    return {str(row[0]) for row in deployment.query(f"select id from intercom_raw.{name} where is_deleted")}
