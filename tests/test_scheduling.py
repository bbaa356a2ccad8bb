"""The examples of docs/scheduling.md work, as far as this machine can run them."""

import grp
import os
import pwd
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.settings import ROOT
from sandbox.api import create_app, serving
from sandbox.world import Workspace

from .soak.cron import PROJECT_PATH, SCHEDULE, readme_line
from .support.deployments import NO_QUOTA
from .support.patience import HANG_SECONDS

DOCUMENT = (ROOT / "docs" / "scheduling.md").read_text()
UNITS = ROOT / "docs" / "systemd"
DOCKERFILE = (ROOT / "docs" / "docker" / "Dockerfile").read_text()
COMMAND = Path(sys.executable).parent / "intercom-warehouse"
TOKEN = "token-canary-77b0"
CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "HOME": "/", "LOGNAME": "user"}
SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
LOGROTATE = shutil.which("logrotate", path=SEARCH_PATH)
SYSTEMD_ANALYZE = shutil.which("systemd-analyze", path=SEARCH_PATH)
CODES = (0, 1, 2, 3, 4, 5, 6, 7)
SELF_HEALING = {0, 4, 5}


def blocks(language: str) -> list[str]:
    """The fenced examples in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


LINES = [line for block in blocks("crontab") for line in block.splitlines()]
BY_EXIT_CODE = [line for line in LINES if "case $?" in line]


def mailed(line: str, project: Path | str, **variables: str) -> str:
    """The output of a crontab line, which cron would mail."""
    command = SCHEDULE.sub("", line).replace(PROJECT_PATH, str(project))
    assert "%" not in command, "cron ends the command at a percent sign"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd="/",
        env=CRON | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG_SECONDS,
    )
    return done.stdout


@pytest.fixture
def workspace() -> Workspace:
    return Workspace(contacts=120, segments=6, token=TOKEN)


@pytest.fixture
def variables(workspace: Workspace, tmp_path: Path) -> Iterator[dict[str, str]]:
    with serving(create_app(workspace, limit=NO_QUOTA)) as url:
        yield {
            "WAREHOUSE__DATA_DIR": str(tmp_path / "data"),
            "SOURCES__INTERCOM__BASE_URL": url,
            "SOURCES__INTERCOM__ACCESS_TOKEN": TOKEN,
        }


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A project whose command prints to both outputs and exits with $CODE."""
    command = tmp_path / "project" / ".venv" / "bin" / "intercom-warehouse"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\necho "result $CODE"\necho "what to do about $CODE" >&2\nexit $CODE\n')
    command.chmod(0o755)
    return tmp_path / "project"


def test_the_document_and_the_readme_show_the_same_line() -> None:
    assert readme_line() in LINES


def test_the_readmes_line_prints_nothing_after_success(variables: dict[str, str]) -> None:
    project = COMMAND.parent.parent.parent

    assert mailed(readme_line(), project, **variables) == ""


def test_the_readmes_line_prints_what_to_do_after_a_failure(variables: dict[str, str]) -> None:
    variables["SOURCES__INTERCOM__ACCESS_TOKEN"] = "wrong"

    output = mailed(readme_line(), COMMAND.parent.parent.parent, **variables)

    assert "SOURCES__INTERCOM__ACCESS_TOKEN" in output
    assert "Traceback" not in output


@pytest.mark.nightly
def test_the_readmes_line_prints_an_incomplete_run(workspace: Workspace, variables: dict[str, str]) -> None:
    project = COMMAND.parent.parent.parent
    mailed(readme_line(), project, **variables)
    workspace.faults.half_segment_list()

    assert "incomplete: " in mailed(readme_line(), project, **variables)


@pytest.mark.parametrize("code", CODES)
def test_the_readmes_line_mails_all_but_success(stand_in: Path, code: int) -> None:
    output = mailed(readme_line(), stand_in, CODE=str(code))

    assert output == (f"result {code}\nwhat to do about {code}\n" if code else "")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("line", BY_EXIT_CODE, ids=["mail", "log and mail"])
def test_an_error_that_the_next_run_fixes_is_not_mailed(stand_in: Path, tmp_path: Path, line: str, code: int) -> None:
    line = line.replace("/var/log/intercom-warehouse", str(tmp_path))

    assert (f"what to do about {code}" in mailed(line, stand_in, CODE=str(code))) == (code not in SELF_HEALING)
    assert code not in SELF_HEALING or mailed(line, stand_in, CODE=str(code)) == ""


def test_the_log_has_the_output_of_every_run(stand_in: Path, tmp_path: Path) -> None:
    (line,) = (line for line in BY_EXIT_CODE if "--log-format json" in line)
    line = line.replace("/var/log/intercom-warehouse", str(tmp_path))

    for code in (0, 4):
        mailed(line, stand_in, CODE=str(code))

    assert (tmp_path / "sync.log").read_text() == "".join(
        f"result {code}\nwhat to do about {code}\n" for code in (0, 4)
    )


@pytest.mark.skipif(LOGROTATE is None, reason="logrotate is not installed: apt-get install logrotate")
def test_logrotate_accepts_the_example(tmp_path: Path) -> None:
    (example,) = blocks("logrotate")
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    example = example.replace("su intercom-warehouse intercom-warehouse", f"su {user} {group}")
    file = tmp_path / "logrotate.conf"
    file.write_text(example.replace("/var/log/intercom-warehouse", str(tmp_path)))
    file.chmod(0o600)
    (tmp_path / "sync.log").write_text("a line\n")

    debug = (str(LOGROTATE), "--debug", "--force", "--state", str(tmp_path / "state"))
    done = subprocess.run([*debug, file], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "error:" not in done.stderr
    assert "sync.log.1" in done.stderr


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed: apt-get install systemd"
)
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/intercom-warehouse/.venv/bin/intercom-warehouse", str(COMMAND))
        (tmp_path / unit.name).write_text(text)

    verify = (str(SYSTEMD_ANALYZE), "verify", "--man=no")
    done = subprocess.run([*verify, *tmp_path.iterdir()], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_restarts_only_after_errors_that_the_next_run_fixes() -> None:
    (never,) = re.findall(r"^RestartPreventExitStatus=(.*)$", (UNITS / "intercom-warehouse.service").read_text(), re.M)

    assert set(CODES) - set(map(int, never.split())) == SELF_HEALING


def test_the_document_names_every_unit() -> None:
    timers = {unit.name for unit in UNITS.glob("*.timer")}

    assert {timer for timer in timers if timer not in DOCUMENT} == set()


COPIED = [
    path for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for path in sources.split()
]


def test_an_image_gets_the_copied_files_and_nothing_else() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == set(COPIED)


@pytest.mark.nightly
def test_the_files_of_an_image_are_enough_for_a_sync(variables: dict[str, str], tmp_path: Path) -> None:
    app = tmp_path / "app"
    for name in COPIED:
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, app / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", app / ".venv"], check=True)
    (site,) = (app / ".venv" / "lib").glob("python*/site-packages")
    packages = sysconfig.get_path("purelib")  # the locked packages; the project's own .pth is not read there
    (site / "found.pth").write_text(f"{app}\n{packages}\n")

    called = "import pipelines.cli as cli; print(cli.__file__); cli.main()"
    done = subprocess.run(
        [app / ".venv" / "bin" / "python", "-c", called, "--quiet", "sync"],
        cwd="/",
        env=variables,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{app}/pipelines/cli/__init__.py\n")
    assert "120 contacts read" in done.stdout


CALLED = re.compile(r"(?:bin/intercom-warehouse|:/data intercom-warehouse) ([-\w. ]+?)(?= 2?>|$)", re.MULTILINE)
SHOWN = "\n".join([DOCUMENT, *(unit.read_text() for unit in UNITS.iterdir())])


@pytest.mark.nightly
@pytest.mark.parametrize("call", sorted(set(CALLED.findall(SHOWN))))
def test_the_command_accepts_every_call_in_the_documents(call: str) -> None:
    done = subprocess.run([COMMAND, *call.split(), "--help"], cwd="/", env={}, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
