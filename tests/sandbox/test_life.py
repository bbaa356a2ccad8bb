"""A finished sync is correct after random events in the workspace and in earlier syncs."""

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ..soak.machine import Syncing


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [1, 2])
def test_a_finished_sync_is_correct_after_random_events(seed: int) -> None:
    machine = hypothesis.seed(seed)(Syncing)

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=1,
            stateful_step_count=12,
            deadline=None,
            database=None,
            phases=(Phase.generate,),  # shrinking a life takes long; the steps are printed as they were
            suppress_health_check=list(HealthCheck),
        ),
    )
