"""Contacts with a field of another type than documented: the next run reads them again, and later ones do not."""

from collections.abc import Callable

import pytest

from ...support.deployments import Deployment
from ...support.first_loads import CutOffAfter, contacts, large_deployment, true_contacts
from ...support.nightly import nightly


def make_names_odd(deployment: Deployment) -> None:
    deployment.workspace.encoding.change_fields(retype={"name": lambda name: [name]})


def make_names_right(deployment: Deployment) -> None:
    deployment.workspace.encoding.change_fields(retype={"name": lambda name: name[0]})


def no_name_is_loaded(deployment: Deployment) -> bool:
    return {name for _, name in contacts(deployment)} == {None}


@pytest.mark.parametrize("is_first", nightly([True, False], True))
def test_the_next_run_reads_them_again(deployment: Deployment, is_first: bool) -> None:
    if not is_first:
        deployment.sync()
    make_names_odd(deployment)
    deployment.sync(full=True)
    assert no_name_is_loaded(deployment)
    make_names_right(deployment)

    deployment.sync()

    assert contacts(deployment) == true_contacts(deployment.workspace)
    assert deployment.sync().contacts_read == 0


@pytest.mark.nightly
def test_fields_that_stay_odd_are_read_again_once(synced: Deployment) -> None:
    make_names_odd(synced)
    everyone = synced.sync(full=True).contacts_read

    assert [synced.sync().contacts_read for _ in range(3)] == [everyone, 0, 0]
    assert no_name_is_loaded(synced)


@pytest.mark.nightly
@pytest.mark.parametrize("cut_off", [False, True])
def test_a_large_first_load_leaves_them_to_the_next_run(
    make_deployment: Callable[..., Deployment], cut_off: bool
) -> None:
    deployment = large_deployment(make_deployment)
    make_names_odd(deployment)
    if cut_off:
        with pytest.raises(ExceptionGroup):
            deployment.sync(transport=CutOffAfter(deployment, 60))
        make_names_right(deployment)
    deployment.sync()
    if not cut_off:
        assert no_name_is_loaded(deployment)
        make_names_right(deployment)
        deployment.sync()

    assert contacts(deployment) == true_contacts(deployment.workspace)
    assert deployment.members() == deployment.workspace.pairs()
