"""The dlt source in a plain dlt pipeline, without the command."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.destination import Destination
from dlt.pipeline.exceptions import PipelineStepFailed

from sandbox import Workspace, create_app, serving
from sandbox.segments.rules import Tagged
from sources.intercom import intercom

from ...support.patience import HANG_SECONDS
from ...support.postgres import NO_POSTGRES, PROGRAMS

TOKEN = "source-token"
MEMBERS = """
select segment_id, contact_id
from (
    select segment_id, contact_id, is_member,
        row_number() over (partition by segment_id, contact_id order by observed_at desc) as recency
    from {0}
) as newest
where recency = 1 and is_member
"""


class Script:
    """What a dlt user writes: a pipeline, and runs of the source."""

    def __init__(self, folder: Path, destination: Destination[Any, Any]) -> None:
        self.workspace = Workspace(contacts=900, segments=8, token=TOKEN)
        self.folder, self.destination = folder, destination
        self.url = ""

    def pipeline(self) -> dlt.Pipeline:
        return dlt.pipeline(
            "script", destination=self.destination, dataset_name="crm", pipelines_dir=str(self.folder / "pipelines")
        )

    def run(self, *selected: str, **options: Any) -> dlt.Pipeline:
        pipeline = self.pipeline()
        source = intercom(access_token=TOKEN, base_url=self.url, **options)
        pipeline.run(source.with_resources(*selected) if selected else source)
        return pipeline

    def calls(self) -> dict[str, int]:
        """The calls by path since this was asked last."""
        made = dict(self.workspace.calls)
        self.workspace.calls.clear()
        return made

    def members(self, pipeline: dlt.Pipeline) -> set[tuple[str, str]]:
        with pipeline.sql_client() as client:
            table = client.make_qualified_table_name("membership_changes")
            return {(row[0], row[1]) for row in client.execute_sql(MEMBERS.format(table)) or ()}

    def column(self, pipeline: dlt.Pipeline, table: str, column: str) -> list[Any]:
        return sorted(row[0] for row in pipeline.dataset()[table].select(column).fetchall())


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    made = Script(tmp_path, dlt.destinations.duckdb(str(tmp_path / "script.duckdb")))
    with serving(create_app(made.workspace)) as made.url:
        yield made


def test_a_plain_pipeline_equals_the_workspace(script: Script) -> None:
    pipeline = script.run()

    assert script.members(pipeline) == script.workspace.pairs()
    assert script.column(pipeline, "contacts", "id") == sorted(script.workspace.contacts)
    assert script.column(pipeline, "segments", "segment_id") == sorted(script.workspace.segments)


def test_the_second_run_is_incremental(script: Script) -> None:
    script.run()
    first = script.calls()

    contact_id = min(script.workspace.contacts)
    script.workspace.advance(minutes=1)
    script.workspace.update(contact_id, name="Changed", custom_attributes={"plan": "enterprise"})
    pipeline = script.run(sweep_budget=0)

    second = script.calls()
    assert second["search"] < first["search"]
    assert script.members(pipeline) == script.workspace.pairs()
    names = pipeline.dataset()("select name from contacts where name = 'Changed'").fetchall()
    assert names == [("Changed",)]


@pytest.mark.nightly
def test_a_run_without_a_change_writes_nothing_twice(script: Script) -> None:
    before = _counts(script, script.run())

    after = _counts(script, script.run())

    assert after == before | {"segment_scans": 2 * before["segment_scans"]}


def _counts(script: Script, pipeline: dlt.Pipeline) -> dict[str, int]:
    tables = ("segments", "contacts", "contact_activities", "membership_changes", "segment_scans", "contact_removals")
    return {table: len(pipeline.dataset()[table].fetchall()) for table in tables}


@pytest.mark.nightly
def test_one_source_object_can_be_run_twice(script: Script) -> None:
    source, pipeline = intercom(access_token=TOKEN, base_url=script.url), script.pipeline()
    pipeline.run(source)
    script.workspace.advance(minutes=1)
    script.workspace.sign_up(name="New")

    pipeline.run(source)

    assert script.members(pipeline) == script.workspace.pairs()
    assert script.column(pipeline, "contacts", "id") == sorted(script.workspace.contacts)


def test_segments_alone_read_segments_only(script: Script) -> None:
    pipeline = script.run("segments")

    assert script.calls() == {"me": 1, "segments": 1}
    assert script.column(pipeline, "segments", "segment_id") == sorted(script.workspace.segments)


@pytest.mark.parametrize("alone", ["contacts", "contact_activities", "data_attributes", "workspaces"])
def test_what_needs_no_other_resource_can_be_selected_alone(script: Script, alone: str) -> None:
    pipeline = script.run(alone)

    assert {"segment", "contact_segments"}.isdisjoint(script.calls())
    assert alone in pipeline.default_schema.data_table_names()


def test_a_list_alone_is_read_without_contacts(script: Script) -> None:
    pipeline = script.run("tags", "companies")

    assert script.calls() == {"me": 1, "tags": 1, "companies": 2}
    assert script.column(pipeline, "tags", "id") == sorted(script.workspace.lists["tags"].of())
    assert script.column(pipeline, "companies", "id") == sorted(script.workspace.lists["companies"].of())

    script.run("tags")

    assert script.calls() == {"me": 1, "tags": 1}


def test_changes_of_contacts_alone_are_refused(script: Script) -> None:
    with pytest.raises(PipelineStepFailed, match="Select contacts too"):
        script.run("contact_attribute_changes")


@pytest.mark.parametrize("alone", ["membership_changes", "segment_scans", "contact_removals"])
def test_memberships_alone_are_refused_with_what_is_missing(script: Script, alone: str) -> None:
    with pytest.raises(PipelineStepFailed, match=f"{alone} cannot be read without .*contacts"):
        script.run(alone)

    assert script.calls() == {}


@pytest.mark.nightly
def test_contacts_loaded_alone_still_count_as_changed_for_memberships(script: Script) -> None:
    script.run()
    contact_id = min(script.workspace.contacts)
    script.workspace.advance(minutes=1)
    for plan in ("trial", "enterprise"):
        script.workspace.advance(minutes=1)
        script.workspace.update(contact_id, custom_attributes={"plan": plan})
    script.run("contacts")

    pipeline = script.run(sweep_budget=0)

    assert script.members(pipeline) == script.workspace.pairs()


@pytest.mark.nightly
def test_an_edit_loaded_without_a_scan_is_still_noticed(script: Script) -> None:
    script.run()
    segment_id = min(script.workspace.segments)
    script.workspace.advance(minutes=1)
    script.workspace.edit_segment(segment_id, Tagged("a tag that no contact has"))
    script.run("segments")

    pipeline = script.run(sweep_budget=0)

    assert script.members(pipeline) == script.workspace.pairs()


@pytest.mark.nightly
def test_another_workspaces_token_is_refused_before_anything_is_written(script: Script) -> None:
    pipeline = script.run()
    before = _counts(script, pipeline)
    script.workspace.workspace_id = "another"

    with pytest.raises(PipelineStepFailed, match="belongs to another"):
        script.run()

    assert _counts(script, script.pipeline()) == before


def test_a_destination_that_cannot_merge_is_refused(tmp_path: Path) -> None:
    script = Script(tmp_path, dlt.destinations.filesystem(str(tmp_path / "bucket")))
    with (
        serving(create_app(script.workspace)) as script.url,
        pytest.raises(PipelineStepFailed, match="filesystem cannot"),
    ):
        script.run()

    assert script.calls() == {}
    assert not list((tmp_path / "bucket").rglob("*contacts*"))


@pytest.mark.nightly
def test_a_script_in_an_empty_folder_loads_duckdb(script: Script, tmp_path: Path) -> None:
    check_script(script, tmp_path, "duckdb")


@pytest.mark.nightly
@pytest.mark.skipif(PROGRAMS is None, reason=NO_POSTGRES)
@pytest.mark.xdist_group("postgres")
def test_a_script_in_an_empty_folder_loads_postgres(script: Script, tmp_path: Path, database: str) -> None:
    check_script(script, tmp_path, "postgres", DESTINATION__POSTGRES__CREDENTIALS=database)


def check_script(script: Script, tmp_path: Path, destination: str, **variables: str) -> None:
    """Runs SCRIPT twice, with a change in between, and compares what it has loaded with the workspace."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "load.py").write_text(SCRIPT)
    environment = {
        "SOURCES__INTERCOM__ACCESS_TOKEN": TOKEN,
        "SOURCES__INTERCOM__BASE_URL": script.url,
        "SOURCES__INTERCOM__SWEEP_BUDGET": "0",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "HOME": str(tmp_path),
    } | variables

    first = run_script(folder, destination, environment)
    calls = script.calls()
    assert first == truth(script.workspace)

    script.workspace.advance(minutes=1)
    script.workspace.sign_up(name="New", custom_attributes={"plan": "enterprise"})
    assert run_script(folder, destination, environment) == truth(script.workspace) != first
    assert sum(script.calls().values()) < sum(calls.values())


def run_script(folder: Path, destination: str, environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "load.py", destination]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert ended.returncode == 0, ended.stderr
    loaded: dict[str, Any] = json.loads(ended.stdout)
    return loaded


def truth(workspace: Workspace) -> dict[str, Any]:
    of_companies = [key for key in workspace.lists.company_segments if workspace.lists.companies_in(key)]
    return {
        "contacts": sorted(workspace.contacts),
        "segments": sorted([*workspace.segments, *of_companies]),
        "members": sorted(map(list, workspace.pairs())),
        "imports_pipelines": False,
    }


SCRIPT = f"""
import json, sys
import dlt
from sources.intercom import intercom

pipeline = dlt.pipeline("script", destination=sys.argv[1], dataset_name="crm", pipelines_dir="state")
pipeline.run(intercom())

dataset = pipeline.dataset()
contacts = dataset["contacts"].select("id").fetchall()
segments = dataset("select distinct segment_id from segments").fetchall()
with pipeline.sql_client() as client:
    table = client.make_qualified_table_name("membership_changes")
    members = client.execute_sql({MEMBERS!r}.format(table))
print(json.dumps({{"contacts": sorted(row[0] for row in contacts), "segments": sorted(row[0] for row in segments),
    "members": sorted(map(list, members)), "imports_pipelines": "pipelines" in sys.modules}}))
"""
