"""The exports of one run."""

from ..api import Intercom
from ..catalog import Resource
from ..lists import LastRead
from ..readings import RunInputs
from ..search import Tally
from ..support import BatchReading, Put
from ..tables import ListRead
from .receipts import ReceiptExport
from .reporting import ReportingRun, reporting_notes
from .run import ExportRun, Step, advanced


class ExportReading(BatchReading):
    """Resources that Intercom exports by jobs."""

    def has(self, resource: Resource) -> bool:
        """Those that are exported."""
        return resource.exported is not None

    async def _read(
        self, resource: Resource, last: LastRead, client: Intercom, inputs: RunInputs, put: Put
    ) -> ListRead:
        tally = self._reading.progress.records
        if resource.exported and resource.exported.by_dataset:
            read = await ReportingRun(client, inputs, resource, last, tally, put).read()
            self._reading.remarks += reporting_notes(read)
            return read
        return await receipts(client, inputs, resource, last, tally, put)


async def receipts(
    client: Intercom, inputs: RunInputs, resource: Resource, last: LastRead, tally: Tally, put: Put
) -> ListRead:
    """Goes on with the export of messages from the step that the runs before have left."""
    options, started_at = inputs.options, inputs.options.clock()
    export = ReceiptExport(client, inputs, resource, last.cursor, put)
    step, calls = Step("not_offered", "there is no folder to keep an export in"), 0
    if inputs.folder is not None:
        run = ExportRun(export, inputs.folder, tally)
        await advanced([run], export.most, options.limits.export_wait * 60)
        step, calls = run.step, run.calls
    return ListRead(
        table_name=resource.table,
        how="changes",
        status=step.status,
        problem=step.problem,
        started_at=started_at,
        observed_at=options.clock(),
        calls=calls,
        fetched=export.fetched,
        changed=export.changed,
        cursor=step.loaded_until or last.cursor,
    )
