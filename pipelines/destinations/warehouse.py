"""A warehouse: a data folder, and the destination that its runs load into."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import WarehouseError, causes, explained
from ..folder import DataFolder, LockRequest
from .duckdb import DuckDB
from .interface import RAW, Destination, Dialect, PublishedMart, Reader
from .sql import query

if TYPE_CHECKING:
    import dlt
    from dlt.common.destination import Destination as DltDestination
    from dlt.common.destination import DestinationCapabilitiesContext
    from dlt.common.normalizers.naming import NamingConvention

A_WEEK = timedelta(days=7)


class Warehouse:
    """What commands work on. The default destination is a DuckDB file in the data folder.

    `day_timezone`: whose days the marts count. `compare_builds_every`: how often what syncs derive is compared with a
    build of all. `compatibility`: the tools in the form of whose tables builds make views.
    """

    def __init__(
        self,
        folder: Path,
        destination: Destination | None = None,
        day_timezone: str = "UTC",
        compare_builds_every: timedelta = A_WEEK,
        compatibility: Collection[str] = (),
    ) -> None:
        self.data_folder = DataFolder(folder)
        self.day_timezone, self.compare_builds_every = day_timezone, compare_builds_every
        self.compatibility = tuple(dict.fromkeys(compatibility))
        self.destination = destination or DuckDB(folder)

    @property
    def folder(self) -> Path:
        return self.data_folder.path

    @property
    def journal(self) -> Path:
        return self.data_folder.journal

    @property
    def dialect(self) -> Dialect:
        return self.destination.dialect

    @property
    def key(self) -> str:
        """Names the database in the journal: a data folder can have served several."""
        return self.destination.subfolder or self.dialect.name

    @property
    def way_back(self) -> str:
        """A sentence that says how a lost database can be restored."""
        return self.destination.way_back

    @property
    def place(self) -> str:
        """What runs write to."""
        return self.destination.place

    @property
    def address(self) -> str:
        """Where readers query."""
        return self.destination.address

    @property
    def file(self) -> Path:
        """The database's file. Only DuckDB has one."""
        return cast("DuckDB", self.destination).file

    @property
    def published(self) -> Path:
        """The published copy. Only DuckDB has one."""
        return cast("DuckDB", self.destination).published

    @property
    def exists(self) -> bool:
        """Whether anything was ever loaded."""
        return self.destination.exists

    @property
    def is_used(self) -> bool:
        """Whether a run ever started here, or anything was ever loaded."""
        return self.exists or self.working_folder().exists()

    @property
    def published_at(self) -> datetime | None:
        return self.destination.published_at

    def prepare(self) -> None:
        self.data_folder.prepare()

    @contextmanager
    def held(self, request: LockRequest | None = None) -> Iterator[None]:
        """Holds the warehouse. Files that are written in the block are for their owner only.

        Raises:
            Misconfigured: the folder cannot be written, the database not opened, or a newer release has loaded into it.
            Unreachable: the database's server does not answer.
            Busy: another process holds the warehouse, for longer than the request waits.
        """
        request = request or LockRequest()
        with self.data_folder.held(request, self.destination.files), self.destination.held(request):
            yield

    def pipeline(self, name: str, folder: Path | None = None) -> dlt.Pipeline:
        """The dlt pipeline of one workspace. Its working folder is in `folder`, else in that of the warehouse."""
        import dlt

        return dlt.pipeline(
            pipeline_name=name,
            pipelines_dir=str(folder or self.data_folder.plain_working_folder / self.destination.subfolder),
            destination=_with_capabilities_cached(self.destination.dlt_destination()),
            dataset_name=RAW,
        )

    def working_folder(self, name: str = "") -> Path:
        """Where dlt keeps the state and the pending packages of a pipeline, or of all. It may be missing."""
        return self.data_folder.working_folder / self.destination.subfolder / name

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """What readers see, in one snapshot. Queries are written as DuckDB SQL.

        Raises:
            NothingToRead: nothing was published yet, or another release has published it.
        """
        with self.destination.reading() as reader:
            yield Reader(
                lambda text: reader.ask(query(self.dialect, text)),
                lambda text: reader.batches(query(self.dialect, text)),
            )

    def publish(self, marts: Iterable[PublishedMart], say: Callable[[str], None]) -> None:
        self.destination.publish(marts, say)

    def rewrite(self, tables: Collection[str]) -> None:
        self.destination.rewrite(tables)

    def explain(self, error: BaseException) -> WarehouseError | None:
        """The error that says what to do about what the database or the operating system reports.

        Null for a fault of this program. The error's causes count too.
        """
        by_database = (self.destination.explain(cause) for cause in causes(error))
        return next(filter(None, by_database), None) or explained(error, self.folder)

    def clear(self) -> None:
        """Deletes all files of the warehouse."""
        self.data_folder.clear(self.destination.files)


def _with_capabilities_cached(destination: DltDestination[Any, Any]) -> DltDestination[Any, Any]:
    """dlt computes them a dozen times a run, each time from all configuration: a seventh of a small run's time."""
    compute = destination.capabilities
    cached: dict[type, DestinationCapabilitiesContext] = {}

    def capabilities(config: Any = None, naming: NamingConvention | None = None) -> DestinationCapabilitiesContext:
        if config is not None:
            return compute(config, naming)
        if (kind := type(naming)) not in cached:
            cached[kind] = compute(None, naming)
        return deepcopy(cached[kind])  # dlt writes into it

    destination.capabilities = capabilities  # type: ignore[method-assign]
    return destination
