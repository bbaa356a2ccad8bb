"""The rows of the table: measured values and their targets."""

import operator
from dataclasses import dataclass

TIMES = "x"
WITH_DECIMALS = (TIMES, "s", "GB")
SIGNS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge}


@dataclass(frozen=True)
class Target:
    sign: str
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether the value meets the target at the precision of the table."""
        compare = SIGNS[self.sign]
        return bool(compare(round(value, 2), self.bound))


def at_most(bound: float) -> Target:
    return Target("<=", bound)


def below(bound: float) -> Target:
    return Target("<", bound)


def at_least(bound: float) -> Target:
    return Target(">=", bound)


@dataclass(frozen=True)
class Row:
    """One measured value of a scenario. `details` has the absolute numbers, which depend on the machine."""

    scenario: str
    metric: str
    value: float
    unit: str = TIMES
    target: Target | None = None
    details: str = ""


@dataclass(frozen=True)
class Missing:
    """A scenario that could not be measured."""

    scenario: str
    reason: str


def quantity(value: float, unit: str) -> str:
    """A number with its unit, at a useful precision."""
    decimals = 2 if unit in WITH_DECIMALS and abs(value) < 100 else 0
    return f"{value:,.{decimals}f} {unit}".strip()
