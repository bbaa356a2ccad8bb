"""What there is to build: models and checks as selects, the columns of custom attributes, the place."""

from .attributes import CONTACTS, LISTED, Attribute, Owner, attribute_columns, current_attributes, noted_attributes
from .compatibility import compatible_views, over_present
from .files import (
    NEXT_STEP,
    File,
    comments,
    downstream,
    load_checks,
    load_marts,
    load_models,
    select_of,
    sources_of,
    with_attributes,
)
from .lists import built_marts, has_lists, list_marts, list_texts
from .model import LAYERS, MART, RAW, SQL, Check, Model, Severity, SqlFile
from .place import BUILT_BEFORE, UTC, Place

__all__ = [
    "BUILT_BEFORE",
    "CONTACTS",
    "LAYERS",
    "LISTED",
    "MART",
    "NEXT_STEP",
    "RAW",
    "SQL",
    "UTC",
    "Attribute",
    "Check",
    "File",
    "Model",
    "Owner",
    "Place",
    "Severity",
    "SqlFile",
    "attribute_columns",
    "built_marts",
    "comments",
    "compatible_views",
    "current_attributes",
    "downstream",
    "has_lists",
    "list_marts",
    "list_texts",
    "load_checks",
    "load_marts",
    "load_models",
    "noted_attributes",
    "over_present",
    "select_of",
    "sources_of",
    "with_attributes",
]
