"""What a destination is: the contract that each of them keeps, and what the rest of the code knows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, TypeVar

from ..errors import WarehouseError
from ..folder import LockRequest

if TYPE_CHECKING:  # readers need neither dlt nor Arrow, whose imports take most of a second
    import pyarrow as pa
    from dlt.common.destination import Destination as DltDestination

RAW = "intercom_raw"
MARTS = "intercom"
BUILD = f"{MARTS}_build"
"""What the marts are built from: staging and intermediate models, and the notes of builds."""
TOOLS = ("fivetran",)
"""Tools in the form of whose tables builds can make views."""

Rows = Sequence[Sequence[Any]]
Ask = Callable[[str], Rows]
ROWS_A_BATCH = 50_000


@dataclass(frozen=True)
class Reader:
    """What readers see, in one snapshot. Calling it asks a query, and returns all of its rows.

    `batches` gives the rows as Arrow, some at a time; at least one batch, which may be empty. Times are in UTC.
    """

    ask: Ask
    batches: Callable[[str], Iterator[pa.RecordBatch]]

    def __call__(self, query: str) -> Rows:
        return self.ask(query)


"""Runs a query without parameters."""
Kind = Literal["table", "view"]
Swap = Literal["replace", "rename", "repoint"]
Commented = Literal["table", "view", "table column", "view column"]
Opened = TypeVar("Opened")


@dataclass(frozen=True)
class AttributeSql:
    """How a column `custom_attributes` is read: JSON, and mostly an object."""

    key: Callable[[str], str]
    """How an attribute is named in `columns`, before it is written as a text."""
    columns: Mapping[str, str] = field(hash=False)
    """For each type of a column the expression, in which `{key}` is that text. A value of another type is null."""
    observed: str = ""
    """A query for the names and types of the values, but null. The types are those of columns, without timestamp, and
    `second` for whole numbers of up to 11 digits; whole numbers of more than 18 digits are text. `{records}` stands for
    a query for the records. Empty where only what another database has noted becomes a column."""


@dataclass(frozen=True)
class Dialect:
    """How a destination's SQL differs, as pure data. No code elsewhere asks for a destination by its name.

    How rows are merged is not here: the source chooses that from what dlt knows of the destination, and dlt writes the
    statements, except those of `duckdb`.
    """

    name: str
    """SQLGlot's."""
    swap: Swap
    """How new marts take the place of the old ones: see `swaps`. All ways but `repoint` need DDL in transactions."""
    text_types: frozenset[str]
    """The types in `information_schema.columns` whose values can hold text, as the engine spells them."""
    comments: frozenset[Commented] = frozenset(("table", "view", "table column", "view column"))
    """What can carry a description."""
    analyzes: bool = True
    """Whether joins need statistics of tables that the same transaction has created."""
    inlines_imports: bool = False
    """Whether a CTE that only imports a table has to be inlined: the engine would write it down when it is read twice,
    and join it without statistics."""
    qualifies_names: bool = False
    """Whether a column without an alias keeps its qualifier in its name, so that the next CTE does not find it."""
    catalog: str = "current_database()"
    """An expression for this database's name in `information_schema`."""
    builds_changes: bool = False
    """Whether builds note what the marts were built from, so that a sync builds what has changed. The others build
    all marts each time."""
    list_ids: str = ""
    """An expression for the ids in Intercom's lists within contacts, a row each, where `{column}` is a list. The models
    write `list_ids(...)`."""
    without_field: str = ""
    """The JSON `{column}` without the field that the text `{field}` names, if it is an object."""
    attributes: AttributeSql | None = None
    """Null where no mart has columns for custom attributes."""


@dataclass(frozen=True)
class PublishedMart:
    """A relation of a published copy. A table takes its rows from the warehouse; a view has its `select`."""

    schema: str
    name: str
    kind: Kind
    select: str


class Options(Protocol):
    """The settings of section `[warehouse]`."""

    destination: str
    wait_for_readers: float
    publish_raw: bool
    day_timezone: str
    compare_builds_every: float
    maintain_lake_every: int
    compatibility: list[str]

    @property
    def folder(self) -> Path: ...


class Destination(ABC):
    """A database that holds raw tables and marts."""

    dialect: ClassVar[Dialect]
    is_configured_by_dlt: ClassVar[bool] = True
    """Whether `configured` asks dlt."""
    variables: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Environment variables that it needs, each with a description for docs/settings.md."""
    place: str
    """What runs write to, for messages: without user and password."""
    address: str
    """Where readers query."""
    files: Collection[Path] = ()
    """Files and folders of the database in the data folder, whether they are there or not."""
    subfolder: str = ""
    """Of dlt's working folder. Databases that can share a data folder need one each: dlt's cursor is that of one."""

    @classmethod
    @abstractmethod
    def configured(cls, options: Options) -> Self:
        """The destination as dlt's configuration describes it.

        Raises:
            Misconfigured: something is missing or cannot be understood. The message repeats no secret.
        """

    @property
    @abstractmethod
    def exists(self) -> bool:
        """Whether anything was ever loaded."""

    @abstractmethod
    def dlt_destination(self) -> DltDestination[Any, Any]:
        """What dlt loads with."""

    @abstractmethod
    def held(self, request: LockRequest) -> AbstractContextManager[None]:
        """Keeps writers on other hosts, and readers that block writing, out of the database.

        Raises:
            Misconfigured: the database cannot be opened, or a newer release has loaded into it.
            Unreachable: its server does not answer.
            Busy: another process holds the database, for longer than the request waits.
        """

    @abstractmethod
    def reading(self) -> AbstractContextManager[Reader]:
        """What readers see, in one snapshot. Waits for no run and delays none.

        Raises:
            NothingToRead: nothing was published yet, or another release has published it.
        """

    @property
    def way_back(self) -> str:
        """A sentence that says how a lost database can be restored."""
        return "Restore the database from a backup, then run the command again."

    @property
    def published_at(self) -> datetime | None:
        """When readers last got new marts; null where no file says so."""
        return None

    def publish(self, marts: Iterable[PublishedMart], say: Callable[[str], None]) -> None:  # noqa: B027 (a default)
        """Hands the marts to readers. Does nothing where they read them in the warehouse."""

    @abstractmethod
    def rewrite(self, tables: Collection[str]) -> None:
        """Leaves no deleted or replaced value of these raw tables in the database's files. Needs `held`."""

    @abstractmethod
    def explain(self, error: BaseException) -> WarehouseError | None:
        """The error that says what to do about one of the database's; null where it says nothing of use."""
