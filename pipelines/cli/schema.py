"""The schema of what `--json` prints, one definition a command. `python -m pipelines.cli.schema` writes it."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from ..commands import Aborted, Backfilled, Forgotten, Outcome
from ..commands.status import Status
from ..commands.verify import Verification
from ..errors import Problem
from .output import BuiltModels, PlannedBackfill, PlannedSync

FILE = Path(__file__).parents[2] / "docs" / "output.schema.json"
OBJECTS = {
    "sync": Outcome,
    "sync_plan": PlannedSync,
    "models": BuiltModels,
    "backfill": Backfilled,
    "backfill_dry_run": PlannedBackfill,
    "verify": Verification,
    "status": Status,
    "abort_pending": Aborted,
    "forget": Forgotten,
    "error": Problem,
}
"""What each command prints, `sync_plan` being `sync --plan` and so on; `error`: any of them that ends early."""


def schema() -> dict[str, Any]:
    """The JSON schema, made from the types: `$defs` has each command by its name, and what its object is made of."""
    references, parts = msgspec.json.schema_components(OBJECTS.values(), ref_template="#/$defs/{name}")
    commands = dict(zip(OBJECTS, references, strict=True))
    for part in parts.values():
        if "description" in part:
            part["description"] = cleandoc(part["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What intercom-warehouse prints with --json",
        "anyOf": list(references),
        "$defs": {**commands, **parts},
    }


def text() -> str:
    """The schema as it is kept."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
