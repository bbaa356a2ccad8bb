"""Marks parameters that `make test` skips and `make test-all` runs."""

from collections.abc import Iterable
from typing import Any

import pytest


def nightly(values: Iterable[Any], *named: Any) -> list[Any]:
    """All values, of which the named ones are marked `nightly`. A tuple holds the values of several parameters."""
    values = list(values)
    _check(values, named)
    return [_marked(value) if value in named else value for value in values]


def nightly_except(values: Iterable[Any], *named: Any) -> list[Any]:
    """All values, of which the named ones are not marked `nightly`."""
    values = list(values)
    _check(values, named)
    return [value if value in named else _marked(value) for value in values]


def _check(values: list[Any], named: tuple[Any, ...]) -> None:
    unknown = [value for value in named if value not in values]
    assert unknown == [], "these are named, but no parameter has such a value"


def _marked(value: Any) -> Any:
    return pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.nightly)
