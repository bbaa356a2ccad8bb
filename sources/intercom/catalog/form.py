"""The form of the catalogue: what a record says about a list of Intercom's, and about the table that it fills.

Source: Intercom's API reference. How a list is paged is not here: a reader follows what the answers say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

Kind = Literal["text", "integer", "number", "boolean", "time", "json"]
PEOPLE, ADMINS = "Read and list users and companies", "Read admins"
CONVERSATIONS, TICKETS, ARTICLES = "Read conversations", "Read tickets", "Read and list articles"
EVENTS, EXPORTS, REPORTING = "Read events", "Export message data", "Read/Export reporting datasets"
OBJECTS, NEWS = "Read and write custom object instances", "Read and list news items and newsfeeds"
"""Scopes of a token, as the Developer Hub names them."""
CONTACTS = "contacts"
"""The parents of lists of contacts: no list of the catalogue."""
OBJECT_TYPES = "custom_object_types"
"""Stands for a parent list that Intercom does not have: the types of custom objects, which a setting names."""


@dataclass(frozen=True)
class Column:
    """A field of each record. `time` is loaded as epoch seconds, whether Intercom sends those or ISO 8601.

    Args:
        sent: Intercom's name, a path with dots, where the column has another one.
        older: where earlier versions have it.
        none: a value that stands for null.
    """

    kind: Kind
    description: str
    sent: str = ""
    older: str = ""
    none: str = ""


text, integer, number = partial(Column, "text"), partial(Column, "integer"), partial(Column, "number")
boolean, time, json = partial(Column, "boolean"), partial(Column, "time"), partial(Column, "json")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the catalogue. Its key follows the workspace's id, and in tables of a parent the parent's.

    Args:
        has_extra: fields without a column are kept in `_extra`.
        personal: columns that may hold personal data.
        bodies: columns of what people wrote, and after a dot fields of JSON, that `keep_bodies_for` clears once
            `created_at` is that long ago.
        ignored: fields that another table has, too.
    """

    table: str
    description: str
    columns: Mapping[str, Column] = field(hash=False)
    key: tuple[str, ...] = ("id",)
    has_extra: bool = True
    personal: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Nested(Table):
    """Rows that Intercom nests in each record of a list. They are complete there.

    Args:
        within: the path of their list in the record. A list of plain values fills the only column.
        keyed_by: the column that holds the name of each row, where `within` is an object of rows.
        has_history: each change of the rows is logged, too.
        keeps: a row stays although its record lacks it: Intercom sends the newest ones only.
    """

    within: str
    keyed_by: str = ""
    has_history: bool = False
    keeps: bool = False
    has_extra: bool = False


@dataclass(frozen=True)
class Parent:
    """The list whose records a list is asked for, one by one.

    Args:
        table: the parent's.
        column: what holds the parent's id in the child's table.
        asks: `all` parents in each run; those that `changed`; or those, and all once in `sweep_every` hours (`swept`).
        counted: the path of the number of children in a parent's record. Parents with none are not asked.
        embedded: a column of contacts that holds the first ten children. Contacts are asked only where there are more,
            and only then the table has rows of them; the mart has all.
    """

    table: str
    column: str
    asks: Literal["all", "changed", "swept"] = "changed"
    counted: str = ""
    embedded: str = ""


@dataclass(frozen=True)
class Search:
    """A search that finds what changed: `field` is later than the cursor."""

    path: str
    since: str
    field: str = "updated_at"


@dataclass(frozen=True)
class Periods:
    """A list that is asked for the records that were created between two times, which are parameters of its calls.

    Args:
        after, before: the names of the parameters, which are epoch seconds.
        days: how many days a call asks for at most.
    """

    after: str
    before: str
    days: int


@dataclass(frozen=True)
class Grouped:
    """A search that is asked for the records of some parents at once.

    Args:
        by: the column of the followed list that names a record's parent.
        parameter: the name of the list of parents in the search.
        most: how many parents a call names at most.
    """

    by: str
    parameter: str
    most: int


@dataclass(frozen=True)
class Exported:
    """A list that Intercom exports: a job is made, which it finishes some time later, and whose file is downloaded.

    Args:
        state: where the state of a job is.
        download: where the file of a job is.
        overlap_days: what was exported before is exported again for as many days, since its rows may still change.
        by_dataset: there is a job for each dataset of the followed list, and the columns of its file are that one's.
            Each record of the resource is a dataset, and says how far it is exported.
    """

    state: str
    download: str
    overlap_days: int
    by_dataset: bool = False


@dataclass(frozen=True)
class Searched:
    """A list of which search finds all records, and those that changed; it is too large to be read whole in each run.

    Args:
        everything: fields and values, of which each record has one.
        deleted: the list of the ids of deleted records, if there is one.
    """

    everything: tuple[tuple[str, bool], ...] = (("open", True), ("open", False))
    deleted: "Resource | None" = None


@dataclass(frozen=True, kw_only=True)
class Resource(Table):
    """A list of Intercom's, and the table that its records fill.

    Args:
        noun: what a record is called. The mart's column of its id is named after it.
        group: where the API reference has it.
        path: where the list is. In that of a child, `{id}` is its parent's.
        rows: the field of an answer that holds the records.
        lookup: where a single record is. A record that a list no longer has is looked up there, if there is one.
        since: the first version of the API that has the list.
        scope: what the token needs.
        asked: parameters of each call.
        per_page: records a page, where Intercom allows more than by default.
        scrolls: the list is read by a scroll, of which a workspace has one at a time.
        searched: it is read by search alone; `path` is the search's.
        follows: the list whose records are looked up, those that changed since their last lookup. Each lookup is a
            record.
        grouped: some of them are looked up by one call.
        exported: the list is read by jobs; `path` is where they are made.
        periods: the list is read period by period. Its records never change, and each stays as it was loaded.
        search: finds changes, so that the list is read whole once in `sweep_every` hours only.
        is_newest_first: sorted by `newest_by`, so that changes are at its beginning; whole likewise. A reader checks
            the order, and reads on where it is another one.
        is_default: whether it is read unless the configuration says otherwise.
    """

    noun: str
    group: str
    path: str
    scope: str
    rows: str = "data"
    lookup: str = ""
    since: str = "2.7"
    asked: Mapping[str, str] = field(default_factory=dict, hash=False)
    per_page: int | None = None
    scrolls: bool = False
    parent: Parent | None = None
    search: Search | None = None
    searched: Searched | None = None
    follows: str = ""
    grouped: Grouped | None = None
    periods: Periods | None = None
    exported: Exported | None = None
    is_newest_first: bool = False
    newest_by: str = "updated_at"
    nested: tuple[Nested, ...] = ()
    is_default: bool = True

    @property
    def id_column(self) -> str:
        """The column of the mart, and of nested tables, that holds a record's id."""
        return f"{self.noun.replace(' ', '_')}_id"

    @property
    def changes_since(self) -> str | None:
        """The first version in which changes can be read alone; null where they never can."""
        return self.search.since if self.search else self.since if self.is_newest_first else None

    @property
    def is_listed(self) -> bool:
        """Whether its records are read as one list, and not in batches."""
        return not (self.searched or self.follows or self.periods or self.exported)

    @property
    def is_history(self) -> bool:
        """Whether it is read in batches and has what happened, so that rows are only added."""
        return bool(self.periods or self.grouped or self.follows == CONTACTS)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that reading the list fills."""
        return (self, *self.nested)

    @property
    def parent_columns(self) -> tuple[str, ...]:
        """What comes before the key: the parent's id, where there is a parent."""
        return (self.parent.column,) if self.parent else ()
