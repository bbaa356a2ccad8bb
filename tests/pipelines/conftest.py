"""What tests of killed runs compare with."""

from collections.abc import Callable
from functools import cache

import pytest

from ..soak.kills import NeverKilled, never_killed


@pytest.fixture(scope="session")
def never_killed_at(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], NeverKilled]:
    """A warehouse before and after the sync of a day of its workspace's life."""
    return cache(lambda age: never_killed(tmp_path_factory.mktemp("never-killed"), age))
