"""The histories of one run: each is read once, in batches, and then it is known how."""

from collections.abc import Collection

from ..api import Intercom
from ..catalog import CONTACTS, Resource
from ..lists import LastRead, ListReading
from ..readings import Reading, RunInputs
from ..support import BatchReading, Put
from ..tables import ListRead
from .events import EventRun
from .periods import PeriodRun
from .transcripts import TranscriptRun


class HistoryReading(BatchReading):
    """Activities of teammates, transcripts of calls, and events of contacts.

    Args:
        lists: of the same run; they read the calls.
    """

    def __init__(self, reading: Reading, selected: Collection[str], lists: ListReading) -> None:
        super().__init__(reading, selected)
        self._lists = lists

    def has(self, resource: Resource) -> bool:
        """Those of which rows are only added."""
        return resource.is_history

    async def _read(
        self, resource: Resource, last: LastRead, client: Intercom, inputs: RunInputs, put: Put
    ) -> ListRead:
        tally = self._reading.progress.records
        if resource.periods:
            return await PeriodRun(client, inputs, resource, last, tally, put).read(resource.periods)
        if resource.follows == CONTACTS:
            return await EventRun(client, inputs, resource, last, tally, put).read(await self._seen(inputs), ())
        if resource.grouped is None:
            raise ValueError(f"{resource.table} is no history")
        followed = await self._lists.done(resource.follows) if resource.follows in self._selected else None
        return await TranscriptRun(client, inputs, resource, last, tally, put).read(resource.grouped, followed)

    async def _seen(self, inputs: RunInputs) -> dict[str, int]:
        """The contacts that the run has read, and when each was last updated."""
        if CONTACTS not in inputs.selected:
            return {}
        await self._reading.contacts_finished.wait()
        return {contact_id: times.updated_at for contact_id, times in self._reading.read_contacts.items()}
