"""dlt is configured by this project alone, and a misspelt setting is an error."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.pipeline.configuration import PipelineConfiguration

from pipelines.destinations import Warehouse
from pipelines.errors import ExitCode, Misconfigured
from pipelines.settings import intercom_settings, warehouse_settings
from pipelines.settings.configuration import Configuration, read_toml
from pipelines.settings.names import check_names
from pipelines.settings.settings import CREDENTIALS, FIELDS

from ...support.deployments import Deployment

PACKAGES = ("dlt.common", "dlt.pipeline", "dlt.extract", "dlt.normalize", "dlt.load")
SECTIONS = (
    "",
    "PIPELINE__",
    "INTERCOM__",
    "SOURCES__",
    "SOURCES__INTERCOM__DATA_WRITER__",
    "EXTRACT__",
    "NORMALIZE__",
    "LOAD__",
)
DOCUMENTED = {"LOAD__RUN_SLEEP", "LOAD__DELETE_COMPLETED_JOBS", "LOAD__TRUNCATE_STAGING_DATASET"}
HOSTILE = "drop_sources"


def specs() -> Iterator[type[BaseConfiguration]]:
    """All configurations that dlt defines."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            try:
                importlib.import_module(module.name)
            except Exception:  # noqa: BLE001, S112  # a part of dlt whose library is not installed
                continue
    waiting = list(BaseConfiguration.__subclasses__())
    while waiting:
        spec = waiting.pop()
        waiting += spec.__subclasses__()
        if spec.__module__.startswith("dlt."):
            yield spec


FIELD_NAMES = sorted({field.name.upper() for spec in specs() for field in dataclasses.fields(spec)})


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every field of every configuration of dlt, as a variable, in each section that dlt may read it from."""
    names = [f"{section}{name}" for section in SECTIONS for name in FIELD_NAMES if not name.startswith("_")]
    names = [name for name in names if name not in DOCUMENTED]
    for name in names:
        monkeypatch.setenv(name, HOSTILE)
    for name in ("DLT_PROJECT_DIR", "DLT_CONFIG_FOLDER", "DLT_DATA_DIR", "DLT_LOCAL_DIR"):
        monkeypatch.setenv(name, "/nonexistent")
    return names


def test_the_fields_are_those_that_were_found_to_change_where_data_goes() -> None:
    assert {"REFRESH", "DEV_MODE", "PROGRESS", "DATASET_NAME", "PIPELINES_DIR", "RESTORE_FROM_DESTINATION"} <= set(
        FIELD_NAMES
    )


def test_no_variable_of_dlts_configures_a_pipeline(hostile: list[str]) -> None:
    with Container().injectable_context(ConfigSectionContext(pipeline_name="intercom")):
        configuration = resolve_configuration(PipelineConfiguration(pipeline_name="intercom"))

    assert HOSTILE not in [str(value) for value in dict(configuration).values()]
    assert len(hostile) > 500


def test_a_sync_among_hostile_variables_equals_the_workspace(synced: Deployment, hostile: list[str]) -> None:
    synced.workspace.live(days=1)

    outcome = synced.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert synced.members() == synced.workspace.pairs()
    schemas = synced.query("select distinct table_schema from information_schema.tables order by 1")
    assert [schema for (schema,) in schemas if "raw" in schema] == ["intercom_raw", "intercom_raw_staging"]


MISSPELT = {
    "[sources.intercom]\nsweep_budgte = 7": "sweep_budgte.*Did you mean sweep_budget",
    "[warehouse]\ndatadir = 'x'": "datadir.*Did you mean data_dir",
    "[acme.sources.intercom]\ntoken = 'x'": "no setting token",
    "[source.intercom]\naccess_token = 'x'": r"no section \[source.intercom\].*Did you mean \[sources.intercom\]",
    "[warehuose]\ndata_dir = 'x'": r"Did you mean \[warehouse\]",
    "[destination.postgres]\ncredentails = 'x'": "no setting credentails. Did you mean credentials",
}


@pytest.mark.parametrize("text", MISSPELT)
def test_a_misspelt_name_in_a_file_is_an_error_with_the_nearest_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    document = Configuration([tmp_path / "config.toml"], frozenset()).document

    with pytest.raises(Misconfigured, match=MISSPELT[text]):
        check_names(document, FIELDS, CREDENTIALS)


VARIABLES = {
    "SOURCES__INTERCOM__SWEEP_BUDGTE": "Did you mean SOURCES__INTERCOM__SWEEP_BUDGET",
    "ACME__SOURCES__INTERCOM__REGIN": "Did you mean SOURCES__INTERCOM__REGION",
    "WAREHOUSE__DATADIR": "Did you mean WAREHOUSE__DATA_DIR",
    "SOURCE__INTERCOM__ACCESS_TOKEN": "Did you mean SOURCES__INTERCOM__ACCESS_TOKEN",
    "ACME__SOURCE__INTERCOM__ACCESS_TOKEN": "Did you mean SOURCES__INTERCOM__ACCESS_TOKEN",
    "ACME__SOURCES__INTERCOM__overlap": "Did you mean SOURCES__INTERCOM__OVERLAP",
    "sources__intercom__region": "Did you mean SOURCES__INTERCOM__REGION",
    "SOURCES_INTERCOM_REGION": "Did you mean SOURCES__INTERCOM__REGION",
    "DESTINATION__POSTGRES__CREDENTAILS": "Did you mean DESTINATION__POSTGRES__CREDENTIALS",
    "DESTINATION_POSTGRES_CREDENTIALS": "Did you mean DESTINATION__POSTGRES__CREDENTIALS",
    "WAREHOUSE_DATA_DIR": "Did you mean WAREHOUSE__DATA_DIR",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_misspelt_variable_is_an_error_with_the_nearest_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")

    with pytest.raises(Misconfigured, match=f"{name}.*{VARIABLES[name]}"):
        warehouse_settings()


OTHERS = [
    "SOURCES__GITHUB__ACCESS_TOKEN",
    "DESTINATION__SNOWFLAKE__USER",
    "DESTINATION__POSTGRES__CREDENTIALS",
    "DESTINATION__POSTGRES__CREDENTIALS__HOST",
    "SNOWFLAKE__WAREHOUSE__NAME",
    "WAREHOUSE_NAME",
    "INTERCOM_ACCESS_TOKEN",
    "PATH__",
    "A__B",
]


@pytest.mark.parametrize("name", OTHERS)
def test_other_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")

    assert warehouse_settings().destination == "duckdb"


NOT_TOML = {
    b"[sources.intercom]\naccess_token = abc": "line 2, column 16",
    b'[sources.intercom]\nregion = "us': "line 2, column 13: Unterminated string. Close what is open there",
    b"\xff\xfe[": "not UTF-8",
}


@pytest.mark.parametrize("content", NOT_TOML)
def test_a_slip_in_a_file_is_told_with_its_place(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secrets.toml").write_bytes(content)

    with pytest.raises(Misconfigured, match=f"secrets.toml.*{NOT_TOML[content]}"):
        Configuration([tmp_path / "secrets.toml"], frozenset())


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'\xef\xbb\xbf[sources.intercom]\nregion = "eu"')

    assert read_toml(tmp_path / "config.toml") == {"sources": {"intercom": {"region": "eu"}}}


WRONG = {
    ("SOURCES__INTERCOM__SWEEP_BUDGET", "many"): "sweep_budget has to be a whole number, not 'many'",
    ("SOURCES__INTERCOM__MAX_SHRINK", "half"): "max_shrink has to be a number, not 'half'",
    ("WAREHOUSE__COMPARE_BUILDS_EVERY", "-1"): "compare_builds_every is a number of days, and -1.0 is out of range",
    ("WAREHOUSE__DAY_TIMEZONE", "Mars/Olympus"): "day_timezone is 'Mars/Olympus', which is no timezone",
    ("WAREHOUSE__DAY_TIMEZONE", "America"): "day_timezone is 'America', which is no timezone",
    ("WAREHOUSE__DAY_TIMEZONE", "../UTC"): "day_timezone is '../UTC', which is no timezone",
    ("WAREHOUSE__PUBLISH_RAW", "perhaps"): "publish_raw has to be true or false, not 'perhaps'",
}


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_of_the_wrong_type_is_told_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("SOURCES__INTERCOM__ACCESS_TOKEN", "token")
    monkeypatch.setenv(name, value)

    read = warehouse_settings if name.startswith("WAREHOUSE") else intercom_settings

    with pytest.raises(Misconfigured, match=WRONG[name, value]):
        read()


@pytest.mark.parametrize("value", ["Everyone, VIP", '["Everyone", "VIP"]'])
def test_a_list_may_have_commas_or_brackets(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOURCES__INTERCOM__ACCESS_TOKEN", "token")
    monkeypatch.setenv("SOURCES__INTERCOM__INCLUDE_SEGMENTS", value)

    assert intercom_settings().include_segments == ["Everyone", "VIP"]


def test_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__INTERCOM__ACCESS_TOKEN", "")

    with pytest.raises(Misconfigured, match="There is no access token"):
        intercom_settings()


def test_a_home_folder_may_stand_as_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WAREHOUSE__DATA_DIR", "~/data")

    assert warehouse_settings().folder == tmp_path / "data"


def test_a_variable_also_sets_what_is_read_with_its_whole_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        "[destination.one.credentials.options]\nmemory = '500MB'\nthreads = 2\n[destination.one.other]\na = 1\n"
    )
    monkeypatch.setenv("DESTINATION__ONE__CREDENTIALS__OPTIONS__MEMORY", "1GB")
    configuration = Configuration([file], frozenset())

    sections = [
        ("destination",),
        ("destination", "one", "credentials"),
        ("destination", "one", "credentials", "options"),
    ]
    read = [configuration.value(names) for names in sections]

    options = {"memory": "1GB", "threads": 2}
    assert read == [{"one": {"credentials": {"options": options}, "other": {"a": 1}}}, {"options": options}, options]


def test_the_documented_variable_gives_duckdb_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = "DESTINATION__DUCKDB__CREDENTIALS__GLOBAL_CONFIG"
    monkeypatch.delenv(limits)  # the tests' own
    monkeypatch.setenv(f"{limits}__MEMORY_LIMIT", "300MiB")
    warehouse = Warehouse(tmp_path)

    with warehouse.held(), warehouse.pipeline("intercom").sql_client() as client:
        assert client.execute_sql("select current_setting('memory_limit')") == [("300.0 MiB",)]
