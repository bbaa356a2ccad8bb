"""The rows of the table: figures, what they are held against, and whether they hold."""

import operator
from dataclasses import dataclass

TIMES = "x"
MEASURED = (TIMES, "s", "GB")
"""Units of what is not counted."""
SIGNS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge}


@dataclass(frozen=True)
class Target:
    """What a figure should be."""

    sign: str
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether it is so, at the precision that is shown."""
        compare = SIGNS[self.sign]
        return bool(compare(round(value, 2), self.bound))


def at_most(bound: float) -> Target:
    """A figure that should be small."""
    return Target("<=", bound)


def below(bound: float) -> Target:
    """A figure that should be smaller."""
    return Target("<", bound)


def at_least(bound: float) -> Target:
    """A figure that should be large."""
    return Target(">=", bound)


@dataclass(frozen=True)
class Row:
    """One figure of a scenario. `seen` tells it in absolute numbers, which depend on the machine."""

    scenario: str
    figure: str
    value: float
    unit: str = TIMES
    target: Target | None = None
    seen: str = ""


@dataclass(frozen=True)
class Missing:
    """A scenario that could not be measured, and why."""

    scenario: str
    why: str


def quantity(value: float, unit: str) -> str:
    """A number with its unit, as precise as it is worth."""
    decimals = 2 if unit in MEASURED and abs(value) < 100 else 0
    return f"{value:,.{decimals}f} {unit}".strip()
