"""Commands that read no Intercom import no library for that: they run every minute, or while a person waits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ...support.deployments import Deployment

HEAVY = ("dlt", "httpx", "pandas", "pyarrow", "sqlglot")
RUN = f"""
import os, sys
leave = os._exit
os._exit = lambda code: leave(100 if {HEAVY} & sys.modules.keys() else code)
from pipelines.__main__ import main
sys.argv[0] = "intercom-warehouse"
main()
""".replace(str(HEAVY), str(set(HEAVY)))
IMPORTS_HEAVY = 100
LIGHT = ("--version", "--help", "sync --help", "init", "status", "status --json", "status --openmetrics", "resources")


def exit_code_of(command: str, home: Path) -> int:
    """In a fresh process; 100 if one of these libraries was imported."""
    environment = {**os.environ, "INTERCOM_WAREHOUSE_HOME": str(home)}
    return subprocess.run([sys.executable, "-c", RUN, *command.split()], env=environment, check=False).returncode


@pytest.mark.parametrize("command", LIGHT)
def test_a_command_that_reads_no_intercom_imports_no_library_for_it(synced: Deployment, command: str) -> None:
    assert exit_code_of(command, synced.warehouse.folder.parent) == 0


def test_an_import_would_be_seen(synced: Deployment) -> None:
    assert exit_code_of("models", synced.warehouse.folder.parent) == IMPORTS_HEAVY
