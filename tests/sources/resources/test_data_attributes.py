"""When a run reads the list of attributes."""

from ...support.deployments import Settled


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
