"""All resources at once: what a forgotten person wrote, and what is hidden, is in no file."""

from pathlib import Path

from pipelines.commands import Forget
from pipelines.errors import ExitCode
from sources.intercom.catalog import ALL

from ...support.canaries import fill, personal_columns
from ...support.deployments import Deployment, lively_workspace
from ...support.personal_data import CANARY, canaries, found_in, hidden

SIZES = {"contacts": 12, "segments": 1, "companies": 4, "articles": 2}


def filled(folder: Path) -> tuple[Deployment, str, set[str]]:
    """A workspace that is not synced yet, a person in it, and the person's texts."""
    workspace = lively_workspace(**SIZES)
    person = next(key for key, one in workspace.contacts.items() if one.attributes["notes"]["total_count"])
    own = fill(workspace, person)
    deployment = Deployment(folder / "data", workspace, resources=(ALL,))
    deployment.settings.export_wait = 0
    return deployment, person, own | (canaries() - {f"{CANARY}-notes"})


def test_a_forgotten_person_is_in_no_file_of_all_resources(tmp_path: Path) -> None:
    deployment, person, own = filled(tmp_path)
    deployment.sync()
    assert found_in(deployment.folder, own) == dict.fromkeys(("warehouse.duckdb", "published.duckdb"), own)

    Forget(deployment.warehouse, deployment.name, clock=deployment.workspace.now, contact_id=person).run()

    assert found_in(deployment.folder, own | {person}) == {}
    assert found_in(deployment.folder, [f"{CANARY}-others-conversation_parts-body"]).keys() == {
        "warehouse.duckdb",
        "published.duckdb",
    }


def test_with_all_personal_columns_hidden_no_text_of_any_resource_is_in_a_file(tmp_path: Path) -> None:
    deployment, _, _ = filled(tmp_path)
    excluded, hashed = hidden()
    columns = personal_columns()
    deployment.settings.exclude_columns = [*excluded, *columns[::2]]
    deployment.settings.hash_columns = [*hashed, *columns[1::2]]
    deployment.settings.hash_key = "a key for this test only, of no use elsewhere"

    outcomes = [deployment.sync() for _ in range(2)]

    assert [one.exit_code for one in outcomes] == [ExitCode.DONE] * 2
    assert found_in(deployment.folder, [CANARY, "<p>Note "]) == {}
