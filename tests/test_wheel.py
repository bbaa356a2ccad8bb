"""The wheel: one package, which needs nothing of the clone."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from sysconfig import get_path

import pytest

from pipelines.settings import ROOT
from sandbox.api import create_app, serving
from sandbox.world import Workspace

from .support.deployments import NO_QUOTA

TOKEN = "token-canary-0c4e"
PACKAGE = "intercom_warehouse"


def built(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


pytestmark = pytest.mark.xdist_group("wheel")


def test_all_files_are_below_one_package(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in contents(wheel)}

    assert {top for top in tops if not top.endswith(".dist-info")} == {PACKAGE}


def test_no_module_imports_by_a_name_of_the_clone(wheel: Path) -> None:
    texts = {name: text.decode() for name, text in contents(wheel).items() if name.endswith(".py")}

    assert f"from {PACKAGE}.sources.intercom import intercom" in texts[f"{PACKAGE}/pipelines/commands/sync.py"]
    lines = {name: line for name, text in texts.items() for line in text.splitlines() if is_of_the_clone(line)}
    assert lines == {}


def is_of_the_clone(line: str) -> bool:
    return line.strip().startswith(tuple(f"{way} {top}" for way in ("from", "import") for top in CLONE))


CLONE = ("pipelines", "sandbox", "sources")


def test_defaults_documents_and_types_are_in_it_and_no_secret(wheel: Path) -> None:
    names = {name.removeprefix(f"{PACKAGE}/") for name in contents(wheel)}

    assert {".dlt/config.toml", "docs/settings.md", "sql/staging/schema.yml", "py.typed", "README.md"} <= names
    assert {name for name in names if name.endswith(("secrets.toml", ".pyc", ".duckdb"))} == set()


def test_its_metadata_names_licence_classifiers_and_its_extras(wheel: Path) -> None:
    (file,) = (text for name, text in contents(wheel).items() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(file)

    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert metadata.get_all("Provides-Extra") == ["dev", "spark"]


def test_a_second_build_gives_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    assert built(tmp_path).read_bytes() == wheel.read_bytes()


@dataclass(frozen=True)
class Installed:
    """The wheel in an environment with nothing else but its dependencies, and an empty folder."""

    environment: Path
    folder: Path
    url: str

    def run(self, *arguments: str, exit_code: int = 0, **variables: str) -> str:
        """The output of a command that has only these variables and those of a configured workspace."""
        given = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "SOURCES__INTERCOM__BASE_URL": self.url,
            "SOURCES__INTERCOM__ACCESS_TOKEN": TOKEN,
        }
        command = [str(self.environment / "bin" / arguments[0]), *arguments[1:]]
        done = subprocess.run(command, cwd=self.folder, env=given | variables, capture_output=True, text=True)
        assert done.returncode == exit_code, done.stderr
        return done.stdout + done.stderr

    @property
    def home(self) -> Path:
        return self.folder.with_name("home")

    def files(self) -> set[Path]:
        """All files outside the folder that a command could have written, without Python's caches."""
        places = (self.environment, self.home)
        return {path for place in places for path in place.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that finds the dependencies beside these tests, but not the clone."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    packages = get_path("purelib", vars={"base": str(place)})
    Path(packages, "dependencies.pth").write_text(get_path("purelib"))
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
    subprocess.run([*install, "--python", place / "bin" / "python", wheel], check=True)
    return place


@pytest.fixture
def installed(environment: Path, tmp_path: Path) -> Iterator[Installed]:
    for name in ("folder", "home"):
        (tmp_path / name).mkdir()
    with serving(create_app(Workspace(contacts=60, segments=4, token=TOKEN), limit=NO_QUOTA)) as url:
        yield Installed(environment, tmp_path / "folder", url)


COMMAND = "intercom-warehouse"


@pytest.mark.nightly
def test_a_workspace_is_synced_in_an_empty_folder_by_variables_alone(installed: Installed) -> None:
    before = installed.files()

    checked = installed.run(COMMAND, "check")
    installed.run(COMMAND, "sync")
    installed.run(COMMAND, "models")
    installed.run(COMMAND, "report")
    status = installed.run(COMMAND, "status", "--max-age", "1h")

    assert f"{installed.folder}/data/warehouse.duckdb can be written" in checked
    assert "workspace sandbox: " in status
    assert {path.name for path in installed.folder.iterdir()} == {"data", "report.html"}
    assert installed.files() == before


@pytest.mark.nightly
def test_a_demo_runs_in_an_empty_folder(installed: Installed) -> None:
    before = installed.files()

    output = installed.run(COMMAND, "demo", "--days", "2", "--contacts", "50")

    assert "The tables are in data/published.duckdb" in output
    assert installed.files() == before


@pytest.mark.nightly
def test_settings_and_data_are_in_the_folder_that_a_variable_names(installed: Installed, tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / ".dlt").mkdir(parents=True)
    (place / ".dlt" / "config.toml").write_text("[sources.intercom]\nrate_limit_share = 0.25\n")

    output = installed.run(COMMAND, "check", INTERCOM_WAREHOUSE_HOME=str(place))

    assert "a sync uses at most 25% of it" in output
    assert f"{place}/data/warehouse.duckdb can be written" in output
    assert list(installed.folder.iterdir()) == []


@pytest.mark.nightly
def test_a_data_folder_among_installed_packages_is_refused(installed: Installed) -> None:
    packages = get_path("purelib", vars={"base": str(installed.environment)})

    output = installed.run(COMMAND, "check", exit_code=2, WAREHOUSE__DATA_DIR=f"{packages}/data")

    assert "among installed packages, which an upgrade deletes" in " ".join(output.split())
    assert not Path(packages, "data").exists()


PIPELINE = """
import dlt
from intercom_warehouse.sources.intercom import intercom

pipeline = dlt.pipeline("contacts", destination="duckdb", dataset_name="raw", pipelines_dir="pipelines")
pipeline.run(intercom(resources=[]).with_resources("contacts"))
print(pipeline.dataset()("select count(*) from contacts").fetchall())
"""


@pytest.mark.nightly
def test_the_source_runs_in_a_pipeline_of_its_own(installed: Installed) -> None:
    output = installed.run("python", "-c", PIPELINE)

    assert "[(60,)]" in output
