"""Claims about `--json`: its output matches docs/output.schema.json."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from pipelines.cli.schema import FILE, OBJECTS, text

from ...support.terminal import Terminal, a_terminal

KEPT = json.loads(FILE.read_text())
pytestmark = pytest.mark.xdist_group("schema")  # all tests read the outputs of one warehouse


def check(command: str, printed: str) -> dict[str, Any]:
    """The printed object. It has to match the schema, with all keys and no other."""
    found: dict[str, Any] = json.loads(printed)
    jsonschema.validate(found, {"$ref": f"#/$defs/{command}", "$defs": KEPT["$defs"]})
    assert found.keys() == of_command(command)["properties"].keys()
    return found


def of_command(command: str) -> dict[str, Any]:
    part: dict[str, Any] = KEPT["$defs"][KEPT["$defs"][command]["$ref"].removeprefix("#/$defs/")]
    return part


def test_the_schema_is_generated_from_the_types() -> None:
    assert FILE.read_text() == text(), "run python -m pipelines.cli.schema"


def test_the_schema_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(KEPT)


def test_an_object_outside_the_schema_fails() -> None:
    with pytest.raises(jsonschema.ValidationError):
        check("error", json.dumps({"exit_code": 8, "outcome": "new", "problem": "one", "request_id": None}))


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command prints, in a warehouse that gives each of them something to print."""
    with a_terminal(tmp_path_factory.mktemp("schema") / "data") as terminal:
        return dict(outputs(terminal))


def outputs(terminal: Terminal) -> Iterator[tuple[str, str]]:
    segment_id = max(terminal.workspace.segments, key=lambda one: len(terminal.workspace.members(one)))
    yield "sync_plan", terminal.run("sync", "--plan", "--json").output
    terminal.workspace.faults.half_page(segment_id, times=None)
    yield "sync", terminal.run("sync", "--json").output
    terminal.workspace.faults.clear()
    for contact_id in sorted(terminal.workspace.contacts)[:9]:
        terminal.workspace.delete(contact_id)
    yield "verify", terminal.run("verify", "--json").output
    yield "explain", terminal.run("explain", max(terminal.workspace.contacts), "--ask", "--json").output
    yield "error", terminal.run("sync", "--json", SOURCES__INTERCOM__ACCESS_TOKEN="wrong").output
    yield "models", terminal.run("models", "--json").output
    window = ("--from", "2020-01-01", "--to", "2100-01-01", "--chunk", "3650d", "--json")
    yield "backfill_dry_run", terminal.run("backfill", *window, "--dry-run").output
    yield "backfill", terminal.run("backfill", *window).output
    yield "abort_pending", terminal.run("abort-pending", "--json").output
    yield "forget", terminal.run("forget", min(terminal.workspace.contacts), "--json").output
    yield (
        "export",
        terminal.run("export", str(terminal.folder.with_name("marts")), "--select", "segments", "--json").output,
    )
    yield "resources", terminal.run("resources", "--json").output
    yield "report", terminal.run("report", "--json").output
    yield "repair", terminal.run("repair", "--after", "2000-01-01", "--dry-run", "--json").output
    yield "status", terminal.run("status", "--json", "--max-age", "1d").output


@pytest.mark.nightly
@pytest.mark.parametrize("command", OBJECTS)
def test_every_command_prints_what_the_schema_defines(printed: dict[str, str], command: str) -> None:
    found = check(command, printed[command])

    filled = {
        "sync": "incomplete",
        "sync_plan": "sweeps",
        "models": "models",
        "backfill": "contacts_loaded",
        "backfill_dry_run": "chunks",
        "verify": "differences",
        "explain": "segments",
        "status": "workspaces",
        "error": "request_id",
        "abort_pending": "run_id",
        "forget": "rows",
        "repair": "runs",
        "report": "segments",
        "export": "files",
        "resources": "resources",
    }
    assert found[filled[command]], "an empty value could not be wrong"
