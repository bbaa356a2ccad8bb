"""When a run reads the list of attributes."""

from pathlib import Path

import pytest

from sandbox.world import Workspace

from ...support.deployments import START, Deployment, Settled, standing_still
from ...support.nightly import nightly


def _defines(settled: Settled, name: str) -> None:
    settled.workspace.attributes.define(name, "string")


def _loaded(settled: Settled, name: str) -> bool:
    rows = settled.query("select 1 from intercom_raw.data_attributes where full_name = ?", f"custom_attributes.{name}")
    return bool(rows)


def test_a_new_attribute_is_loaded_with_the_contacts_that_have_it(settled: Settled) -> None:
    _defines(settled, "team_size")

    settled.sync()
    assert not _loaded(settled, "team_size")

    settled.workspace.update(settled.people[0], custom_attributes={"team_size": "5 to 10"})
    settled.sync()
    assert _loaded(settled, "team_size")


def test_a_new_attribute_of_no_contact_is_loaded_once_in_sweep_every(settled: Settled) -> None:
    _defines(settled, "team_size")
    settled.workspace.advance(hours=settled.settings.sweep_every)

    settled.sync()

    assert _loaded(settled, "team_size")


def test_a_full_run_reads_the_list_although_no_contact_changed(settled: Settled) -> None:
    _defines(settled, "team_size")

    settled.sync(full=True)

    assert _loaded(settled, "team_size")


@pytest.mark.parametrize("contacts", nightly([100, 6_000], 6_000), ids=["in one package", "in parts"])
def test_the_run_after_a_first_load_does_not_read_the_list_again(tmp_path: Path, contacts: int) -> None:
    workspace = Workspace(contacts=contacts, segments=3, start=START, monotonic=standing_still)
    deployment = Deployment(tmp_path / "data", workspace, has_marts=False)
    deployment.sync()
    workspace.advance(hours=2)
    workspace.calls.clear()

    deployment.sync()

    assert "data_attributes" not in workspace.calls
