"""Claims about the generated documents: they match the code, the configuration and the models' descriptions."""

import tomllib
from pathlib import Path

import pytest

from pipelines.cli.reference import CONFIG, DOCUMENTS, OTHER_SETTINGS, RAW_TABLES, read_settings, text_of
from pipelines.errors import ExitCode
from sources.intercom.settings import IntercomSettings
from sources.intercom.tables import BESIDE_CONTACTS

from ...support.terminal import Terminal


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_generated_document_is_current(path: Path) -> None:
    assert path.read_text() == text_of(DOCUMENTS[path]), "run python -m pipelines.cli.reference"


def test_every_setting_is_documented_with_its_default_and_its_reason() -> None:
    settings = list(read_settings(CONFIG.read_text()))

    assert {setting.variable: tomllib.loads(f"x = {setting.default}")["x"] for setting in settings} == dict(
        leaves("", tomllib.loads(CONFIG.read_text()))
    )
    assert [setting.name for setting in settings if not setting.reason] == []


def leaves(prefix: str, table: dict[str, object]) -> list[tuple[str, object]]:
    """The values of a TOML file, by environment variable."""
    found = list[tuple[str, object]]()
    for name, value in table.items():
        variable = f"{prefix}{name}".upper()
        found += leaves(f"{variable}__", value) if isinstance(value, dict) else [(variable, value)]
    return found


def test_every_setting_of_intercom_is_documented() -> None:
    documented = {setting.variable for setting in read_settings(CONFIG.read_text())} | OTHER_SETTINGS.keys()

    names = {f"SOURCES__INTERCOM__{name}".upper() for name in IntercomSettings.__dataclass_fields__}
    own = {name for name in names if not name.startswith("SOURCES__INTERCOM____")}
    assert own - documented == set()


def test_every_raw_table_is_documented() -> None:
    assert RAW_TABLES.keys() == BESIDE_CONTACTS.keys() | {"contacts"}


def test_help_explains_every_exit_code_as_the_document_does(terminal: Terminal) -> None:
    ended = terminal.run("--help", COLUMNS="200")

    assert [code for code in ExitCode if f"{code:>3} {code.description}" not in ended.output] == []


@pytest.mark.parametrize("command", ["demo", "check", "sync", "backfill", "models", "status", "verify", "forget"])
def test_the_help_of_a_command_ends_with_an_example(terminal: Terminal, command: str) -> None:
    assert "Example: intercom-warehouse" in terminal.run(command, "--help").output
