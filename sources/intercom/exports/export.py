"""What is exported by jobs: how a job is asked for, and what becomes of the rows of its file."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from typing import ClassVar, Generic, TypeVar

from ..api import ExportJob, Intercom
from ..catalog import Exported, Resource
from ..memberships import RunOptions
from ..readings import RunInputs
from ..support import Put
from .jobs import Job, JobStore

Row = TypeVar("Row")


class Export(ABC, Generic[Row]):
    """One kind of export in one run.

    Args:
        loaded_until: the end of the last period that was loaded, in epoch seconds; null before the first one.
        put: receives rows to load.
    """

    most: ClassVar[int]
    """How many jobs Intercom makes at a time."""
    lost: ClassVar[str]
    """Why Intercom may not know a job."""

    def __init__(
        self, client: Intercom, inputs: RunInputs, resource: Resource, loaded_until: int | None, put: Put
    ) -> None:
        if resource.exported is None:
            raise ValueError(f"{resource.table} is not exported")
        self.exported: Exported = resource.exported
        self.loaded_until = loaded_until
        self.fetched = self.changed = self.deleted = 0
        self._client = client
        self._inputs = inputs
        self._resource = resource
        self._put = put

    @property
    def options(self) -> RunOptions:
        """Those of the run."""
        return self._inputs.options

    @property
    def name(self) -> str:
        """Of its files on disk."""
        return self._resource.table

    @abstractmethod
    def job(self, after: int, before: int) -> Job:
        """A job for a period, which Intercom is not asked for yet."""

    @abstractmethod
    async def ask(self, job: Job) -> ExportJob | None:
        """As `Intercom.ask_for_export`."""

    async def state(self, job_id: str) -> ExportJob | None:
        """As `Intercom.export_job`."""
        return await self._client.export_job(self.exported.state, job_id, self._asked_of_state(job_id))

    async def download(self, job_id: str, store: JobStore) -> bool:
        """As `Intercom.download_export`."""
        asked = self._asked_of_file(job_id)
        return await self._client.download_export(self.exported.download, job_id, asked, store.unfinished)

    def _asked_of_state(self, job_id: str) -> Mapping[str, str]:
        return {}

    def _asked_of_file(self, job_id: str) -> Mapping[str, str]:
        return {}

    @abstractmethod
    def rows(self, job: Job, store: JobStore) -> Generator[Row | None, None, None]:
        """The rows of the file, each once; null for a row that cannot be read."""

    @abstractmethod
    async def load(self, job: Job, rows: list[Row]) -> None:
        """Hands on the rows that are new or differ."""

    async def finish(self, job: Job) -> str | None:
        """Ends the loading of a job, once all its rows are handed on. Returns why they do not count as all."""
        return None
