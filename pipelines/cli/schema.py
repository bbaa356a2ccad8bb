"""The JSON schema of what `--json` prints. `python -m pipelines.cli.schema` writes it to docs/output.schema.json."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from ..commands import Aborted, Backfilled, Exported, Forgotten, KnownResources, Outcome
from ..commands.explain import Explained
from ..commands.repair import Repaired
from ..commands.status import Status
from ..commands.verify import Verification
from ..errors import Problem
from ..report import Numbers
from .output import BuiltModels, PlannedBackfill, PlannedSync

FILE = Path(__file__).parents[2] / "docs" / "output.schema.json"
OBJECTS = {
    "sync": Outcome,
    "sync_plan": PlannedSync,
    "models": BuiltModels,
    "backfill": Backfilled,
    "backfill_dry_run": PlannedBackfill,
    "verify": Verification,
    "explain": Explained,
    "status": Status,
    "resources": KnownResources,
    "abort_pending": Aborted,
    "forget": Forgotten,
    "repair": Repaired,
    "export": Exported,
    "report": Numbers,
    "error": Problem,
}
"""The type that each command prints. `sync_plan` is `sync --plan`; `error` is any command that ends early."""


def schema() -> dict[str, Any]:
    """`$defs` has one definition for each command, and those of the types in it. All keys are always printed."""
    references, parts = msgspec.json.schema_components(OBJECTS.values(), ref_template="#/$defs/{name}")
    commands = dict(zip(OBJECTS, references, strict=True))
    for part in parts.values():
        part["description"] = cleandoc(part.get("description", ""))
        if "properties" in part:
            _require_all(part)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What intercom-warehouse prints with --json",
        "anyOf": list(references),
        "$defs": {**commands, **parts},
    }


def _require_all(part: dict[str, Any]) -> None:
    """A default of a type says nothing about what is printed."""
    part["required"] = list(part["properties"])
    for schema_of_key in part["properties"].values():
        schema_of_key.pop("default", None)


def text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
