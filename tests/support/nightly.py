"""Which values of a parameter `make test` tries."""

from collections.abc import Iterable
from typing import Any

import pytest


def nightly_except(values: Iterable[Any], *daily: Any) -> list[Any]:
    """All values as parameters; those that are not named are marked `nightly`.

    A tuple of several arguments is named by the tuple.
    """
    values = list(values)
    assert all(value in values for value in daily), "a value is named that is not there"
    return [value if value in daily else _at_night(value) for value in values]


def _at_night(value: Any) -> Any:
    arguments = value if isinstance(value, tuple) else (value,)
    return pytest.param(*arguments, marks=pytest.mark.nightly)
