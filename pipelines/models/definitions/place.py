"""Where a build works: its schemas, their dialect, and whose days the marts count."""

from dataclasses import dataclass

from ...destinations import SWAPS, Dialect, MartsSwap, statement

BUILT_BEFORE = ("stg_", "int_")
"""How the names of staging and intermediate models begin."""
UTC = "UTC"


@dataclass(frozen=True)
class Place:
    """The schemas of the raw tables, of the marts and of what these are built from, and their database's dialect.

    `day_timezone`: whose days the columns of days are. `compatibility`: the tools in the form of whose tables there are
    views.
    """

    raw: str
    marts: str
    dialect: Dialect
    day_timezone: str = UTC
    compatibility: tuple[str, ...] = ()

    @property
    def build(self) -> str:
        return f"{self.marts}_build"

    def schema_of(self, model: str) -> str:
        """The schema that a model is built in, by its name."""
        return self.build if model.startswith(BUILT_BEFORE) else self.marts

    def schema_for(self, tool: str) -> str:
        """The schema of views in the form of a tool's tables."""
        return f"{self.marts}_{tool}"

    @property
    def swap(self) -> MartsSwap:
        return SWAPS[self.dialect.swap]

    def statement(self, template: str, **parts: str) -> str:
        """As `destinations.statement`; `{raw}`, `{marts}` and `{build}` are filled in."""
        return statement(self.dialect, template, raw=self.raw, marts=self.marts, build=self.build, **parts)
