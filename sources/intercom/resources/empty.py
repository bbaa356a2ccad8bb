"""Raw tables without rows. Models read all raw tables, so all have to exist; once they do, no rows are no work."""

from collections.abc import Iterable
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from ..tables import BESIDE_CONTACTS


@dlt.source(name="intercom", max_table_nesting=0)
def intercom_empty_tables(names: Iterable[str]) -> Iterable[Any]:
    """The named tables."""
    return empty_tables(names)


def is_needed(name: str, rows: pa.Table) -> bool:
    """Whether rows of a table are to be loaded: if there are any, or to create the table. Each costs dlt a job."""
    return bool(rows.num_rows) or name not in dlt.current.source_schema().tables


def empty_tables(names: Iterable[str]) -> tuple[DltResource, ...]:
    """A resource for each of the named tables."""
    return tuple(dlt.resource([BESIDE_CONTACTS[name].empty_table()], name=name) for name in names)
