"""The promise of the whole: whatever happens to a workspace and to its syncs, a finished sync tells the truth."""

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ..soak.machine import Syncing


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_a_finished_sync_tells_the_truth(seed: int) -> None:
    machine = hypothesis.seed(seed)(Syncing)

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=2,
            stateful_step_count=12,
            deadline=None,
            database=None,
            phases=(Phase.generate,),  # to shrink a life takes long; the steps are told as they were
            suppress_health_check=list(HealthCheck),
        ),
    )
