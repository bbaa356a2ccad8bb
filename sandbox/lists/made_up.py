"""The lists as `lists.yml` describes them, with their made-up records."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ..people import DAY_SECONDS, Json
from .collection import Collection

FILE = Path(__file__).parent / "lists.yml"
MADE_UP = ("of", "first", "count", "record")


def collections(now: int, workspace_id: str) -> Iterator[Collection]:
    """All lists; those without a `record` are empty. `now`: epoch seconds."""
    for name, entry in _described().items():
        described = {key: value for key, value in entry.items() if key not in MADE_UP}
        collection, first = Collection(name=name, **described), entry.get("first", 1)
        for number in range(first, first + entry.get("count", 0)):
            collection.put(_filled(entry["record"], number, now, workspace_id), entry.get("of", ""))
        yield collection


@cache
def _described() -> Mapping[str, Json]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was compiled in
    found: dict[str, Json] = yaml.load(FILE.read_text(encoding="utf-8"), loader)  # noqa: S506 (a safe one)
    return found


def _filled(value: Any, number: int, now: int, workspace_id: str) -> Any:
    """A copy of the value, its texts filled in."""
    if isinstance(value, dict):
        return {name: _filled(inner, number, now, workspace_id) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, number, now, workspace_id) for inner in value]
    if not isinstance(value, str):
        return value
    if value.startswith("$ago "):
        return now - int(value.removeprefix("$ago ")) * DAY_SECONDS
    return {"$n": number, "$workspace": workspace_id}.get(value, value.replace("{n}", str(number)))
