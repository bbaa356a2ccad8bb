"""`report`: one HTML file about the segments of a workspace, or the numbers behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ..destinations import Ask, Warehouse
from ..errors import Misconfigured, NothingToRead
from ..folder import in_one_step
from ..report import Numbers, read_numbers, render
from ..runs import published_workspace

BEGINNING = date(1970, 1, 1)
NOTHING = (
    "No run has observed a segment in {place} since {since}. Choose an earlier day for --since, or run a sync first."
)


@dataclass(frozen=True)
class Report:
    """The report on the published tables of one workspace. Needs no token, takes no lock, and changes no table.

    `workspace`: its name here; null for the only one. `since`: the first day that is shown. `focus`: names of
    segments that come first.
    """

    warehouse: Warehouse
    workspace: str | None = None
    since: date = BEGINNING
    focus: Sequence[str] = ()
    with_people: bool = False

    def numbers(self) -> Numbers:
        """The numbers.

        Raises:
            Misconfigured: there is no such workspace or segment.
            NothingToRead: nothing is published, or nothing since that day.
        """
        with self.warehouse.reading() as ask:
            workspace_id, name = self._workspace(ask)
            found = read_numbers(
                ask,
                workspace_id,
                name,
                since=self.since,
                day_timezone=self.warehouse.day_timezone,
                with_people=self.with_people,
            )
        if found is None:
            raise NothingToRead(NOTHING.format(place=self.warehouse.address, since=self.since))
        self._check_focus(found)
        return found

    def write(self, out: Path) -> Path:
        """Writes the page, for its owner only. An older one is replaced in one step.

        Raises:
            Misconfigured: the file cannot be written. And as `numbers`.
        """
        page = render(self.numbers(), focus=self.focus, has_people=self.with_people)
        try:
            with in_one_step(out) as beside:
                beside.write_text(page, encoding="utf-8")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise Misconfigured(f"{out} cannot be written: {reason}. Choose another file with --out.") from None
        return out

    def _workspace(self, ask: Ask) -> tuple[str, str]:
        """The id of the workspace and, where there are several, its name here."""
        found = published_workspace(self.warehouse, ask, self.workspace)
        if found is None:
            raise NothingToRead(NOTHING.format(place=self.warehouse.address, since=self.since))
        return found.workspace_id, "" if found.is_only and self.workspace is None else found.name

    def _check_focus(self, numbers: Numbers) -> None:
        names = {segment.name.casefold() for segment in numbers.segments if not segment.is_deleted}
        for name in self.focus:
            if name.casefold() not in names:
                largest = ", ".join(segment.name for segment in numbers.segments[:5])
                raise Misconfigured(f"No segment is called {name!r}. The largest are {largest}.")
