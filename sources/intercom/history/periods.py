"""A list that is asked for periods of time, in one run: from the workspace's creation on, then from the cursor on.

Intercom fails where a period is long, so each call asks for some days. What a period lacks proves nothing: no row ends.
"""

from collections.abc import Iterator

from dlt.common.utils import chunks

from ..api import Intercom, Refused, gathered
from ..catalog import Periods, Resource
from ..lists import LastRead, ListReader, LoadedLists, ReadRecords
from ..memberships import RunOptions
from ..readings import RunInputs
from ..search import Tally
from ..support import Batches, Put
from ..tables import How, ListRead, Status

PERIODS_AT_ONCE = 24
DAY_SECONDS = 86_400
YEARS_AGO = 10 * 365 * DAY_SECONDS
"""Where Intercom does not say when the workspace was created."""
Period = tuple[int, int]
"""A first and a last second."""


class PeriodRun:
    """Reads the periods that are due.

    Args:
        last: the newest reading of the list.
        tally: counts its records and calls.
        put: receives rows to load.
    """

    def __init__(
        self, client: Intercom, inputs: RunInputs, resource: Resource, last: LastRead, tally: Tally, put: Put
    ) -> None:
        self._client = client
        self._options = inputs.options
        self._resource = resource
        self._last = last
        self._started_at = inputs.options.clock()
        self._reader = ListReader(client, resource, inputs.fields.privacy, tally)
        is_new = last.status == "never"
        self._batches = Batches(resource, LoadedLists(inputs.tables), inputs.options, put, is_new=is_new)
        self._calls, self._refused = 0, ""

    async def read(self, periods: Periods) -> ListRead:
        """Reads all periods since the cursor. A failed one leaves the cursor where it is."""
        how: How = "whole" if self._options.full or self._last.cursor is None else "changes"
        began = first_second(self._options, self._last.cursor)
        problem = await self._periods([*due(began, self._now, periods.days)])
        if self._refused:
            return self._noted(how, "refused", self._refused)
        return self._noted(how, "incomplete" if problem else "complete", problem)

    @property
    def _now(self) -> int:
        """Intercom's clock before the run read anything."""
        return int(self._client.usage.answered_at or self._options.began_at.timestamp())

    async def _periods(self, asked: list[Period]) -> str | None:
        """What is missing of the periods; null if all came."""
        problem = None
        for some in chunks(asked, PERIODS_AT_ONCE):
            for one in await gathered(self._of(period) for period in some):
                problem = problem or one.problem
                self._calls += one.calls
                await self._batches.add(one.records.values())
            await self._batches.flush()
        return problem

    async def _of(self, period: Period) -> ReadRecords:
        """The records of a period. Whether Intercom excludes its ends is not documented, so it is asked for more."""
        first, last = period
        try:
            return await self._reader.of_period(first - 1, last + 1)
        except Refused as refused:
            self._refused = refused.answer
            return ReadRecords(calls=1)

    def _noted(self, how: How, status: Status, problem: str | None) -> ListRead:
        is_complete = status == "complete"
        return ListRead(
            table_name=self._resource.table,
            how=how,
            status=status,
            problem=problem,
            started_at=self._started_at,
            observed_at=self._options.clock(),
            calls=self._calls,
            fetched=len(self._batches.seen),
            changed=self._batches.changed,
            cursor=self._now - self._options.overlap if is_complete else self._last.cursor,
        )


def first_second(options: RunOptions, cursor: int | None) -> int:
    """Where the first period begins: at the cursor, or when the workspace was created."""
    if cursor is not None and not options.full:
        return cursor
    return options.app.created_at or int(options.began_at.timestamp()) - YEARS_AGO


def due(began: int, now: int, days: int) -> Iterator[Period]:
    """The periods of that many days from one time to another, the last one until a day later: clocks differ."""
    step = days * DAY_SECONDS
    for first in range(began, now, step):
        last = first + step - 1
        yield first, last if last < now else now + DAY_SECONDS
