"""The programs in docs/open-it-with.md print something with the versions that the document names."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipelines.settings import ROOT

from .support.deployments import Deployment

DOCUMENT = (ROOT / "docs" / "open-it-with.md").read_text(encoding="utf-8")
PROGRAMS = ("Python", "pandas", "Polars", "Ibis")
RUN_ELSEWHERE = {"dbt", "As files", "Excel"}
CLIENTS = ("duckdb==1.5.*", "pandas", "polars", "pyarrow", "ibis-framework[duckdb]==12.*", "pytz")
DBT = ("dbt-core==1.10.*", "dbt-duckdb==1.10.*", "duckdb==1.5.*")
pytestmark = [pytest.mark.long, pytest.mark.nightly]


def sections() -> Iterator[tuple[str, str]]:
    for section in DOCUMENT.split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        yield title, text


def environment(folder: Path, *wanted: str) -> Path:
    """The programs of a new environment."""
    uv = (sys.executable, "-m", "uv")
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *wanted], check=True)
    return folder / "bin"


def test_what_was_not_run_says_so() -> None:
    for title, text in sections():
        assert title in PROGRAMS or title in RUN_ELSEWHERE or "Not run here" in text, title


def test_every_python_program_prints_rows(synced: Deployment, tmp_path: Path) -> None:
    python = environment(tmp_path / "clients", *CLIENTS) / "python"
    texts = dict(sections())
    for title in PROGRAMS:
        (program,) = re.findall(r"```python\n(.*?)```", texts[title], re.DOTALL)
        program = program.replace("data/published.duckdb", str(synced.warehouse.published))

        ran = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)

        assert ran.stderr == "", title
        assert "Everyone" in ran.stdout, title


def test_a_dbt_model_is_built_on_the_sources(synced: Deployment, tmp_path: Path) -> None:
    programs = environment(tmp_path / "dbt", *DBT)
    project, profile = tmp_path / "project", dict(sections())["dbt"]
    (project / "models").mkdir(parents=True)
    (profiles,) = re.findall(r"```yaml\n(.*?)```", profile, re.DOTALL)
    profiles = profiles.replace("data/published.duckdb", str(synced.warehouse.published))
    (project / "profiles.yml").write_text(profiles)
    (project / "dbt_project.yml").write_text("name: analytics\nversion: '1.0'\nprofile: intercom\n")
    sources = yaml.safe_load((ROOT / "docs" / "dbt" / "sources.yml").read_text(encoding="utf-8"))
    sources["sources"][0]["database"] = "published"
    (project / "models" / "sources.yml").write_text(yaml.safe_dump(sources))
    (model,) = re.findall(r"`({{ source\(.*?\) }})`", profile)
    (project / "models" / "sizes.sql").write_text(f"select segment_name, member_count from {model}")

    ran = subprocess.run(
        [programs / "dbt", "build", "--profiles-dir", ".", "--no-version-check"],
        cwd=project,
        env={"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout
    assert "PASS=1" in ran.stdout
