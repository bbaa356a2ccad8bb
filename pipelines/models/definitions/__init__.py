"""What there is to build: models and checks as selects, the columns of custom attributes, the place."""

from .attributes import COMPANIES, CONTACTS, Attribute, Owner, attribute_columns, current_attributes, noted_attributes
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
from .lists import built_marts, list_marts, list_texts
from .model import LAYERS, MART, RAW, SQL, Check, Model, Severity, SqlFile
from .place import BUILT_BEFORE, UTC, Place

__all__ = [
    "BUILT_BEFORE",
    "COMPANIES",
    "CONTACTS",
    "LAYERS",
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
    "current_attributes",
    "downstream",
    "list_marts",
    "list_texts",
    "load_checks",
    "load_marts",
    "load_models",
    "noted_attributes",
    "select_of",
    "sources_of",
    "with_attributes",
]
