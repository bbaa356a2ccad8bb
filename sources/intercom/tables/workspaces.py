"""Rows about the workspace itself, and about the attributes that it has defined."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import structs

from ..api import App, DataAttribute


def workspace_row(app: App) -> dict[str, Any]:
    """The row of `workspaces`."""
    return {"workspace_id": app.id_code, "name": app.name, "region": app.region, "timezone": app.timezone}


def attribute_rows(app: App, listed: Iterable[DataAttribute]) -> list[dict[str, Any]]:
    """Rows of `data_attributes`. Options are a JSON list."""
    return [{**structs.asdict(one), "workspace_id": app.id_code, "options": _json(one.options)} for one in listed]


def _json(options: list[str] | None) -> str | None:
    return None if options is None else msgspec.json.encode(options).decode()
