"""Raw tables without rows. Models read all raw tables, so that all have to exist."""

from collections.abc import Iterable
from typing import Any

import dlt
from dlt.extract import DltResource

from ..tables import BESIDE_CONTACTS


@dlt.source(name="intercom", max_table_nesting=0)
def intercom_empty_tables(names: Iterable[str]) -> Iterable[Any]:
    """The named tables."""
    return empty_tables(names)


def empty_tables(names: Iterable[str]) -> tuple[DltResource, ...]:
    """A resource for each of the named tables."""
    return tuple(dlt.resource([BESIDE_CONTACTS[name].empty_table()], name=name) for name in names)
