"""The README's crontab line, run by Debian's cron for an unprivileged user in three consecutive minutes."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb
import typer

from pipelines.folder import Run, read_journal
from pipelines.settings import ROOT
from sandbox.api import create_app, serving
from sandbox.world import Workspace

from ..support.deployments import NO_QUOTA, standing_still

LEAST_SECONDS = 300
"""Three minutes for the runs, one to wait for the first run, and the rest for the installation and the checks."""
RUNS = 3
TIMEOUT_SECONDS = 60 * (RUNS + 1) + 30
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
README = ROOT / "README.md"
SCHEDULE = re.compile(r"^(?:[\d*,/-]+ ){5}", re.MULTILINE)
PROJECT_PATH = "/path/to/intercom-warehouse"
TOKEN = "token-of-a-guest"

Check = Callable[[], Iterator[str]]


def readme_line() -> str:
    """The crontab line that the README shows."""
    (line,) = re.findall(rf"{SCHEDULE.pattern}.*$", README.read_text(), re.MULTILINE)
    return str(line)


class Guest(NamedTuple):
    """A temporary, unprivileged user of this machine who has installed the project."""

    name: str
    uid: int
    home: Path

    @property
    def project(self) -> Path:
        return self.home / "intercom-warehouse"

    @property
    def data(self) -> Path:
        """The default data folder."""
        return self.project / "data"

    @property
    def mail(self) -> Path:
        """The file with the output that cron would have mailed."""
        return self.home / "mail"

    def crontab(self) -> str:
        """The README's line with another schedule and path. The output goes to a file, so that cron sends no mail."""
        line = readme_line().replace(PROJECT_PATH, str(self.project))
        return f"* * * * * {{ {SCHEDULE.sub('', line)}; }} >> {self.mail} 2>&1\n"


@contextmanager
def beside(seconds: int) -> Iterator[Check]:
    """Lets cron run while the block runs. Yields a function that waits for the runs and yields their failures.

    Afterwards it removes the user, the crontab, the processes and the folder.
    """
    if reason := obstacle(seconds):
        typer.echo(f"cron: left out: {reason}")
        yield lambda: iter(())
        return
    workspace = Workspace(contacts=300, segments=10, start=datetime.now(UTC), monotonic=standing_still, token=TOKEN)
    with ExitStack() as stack:
        url = stack.enter_context(serving(create_app(workspace, limit=NO_QUOTA)))
        guest = stack.enter_context(a_guest())
        if problem := install(guest, url):
            typer.echo(f"cron: left out: the project could not be installed: {problem}")
            yield lambda: iter(())
            return
        stack.enter_context(scheduled(guest))
        until = time.monotonic() + TIMEOUT_SECONDS
        yield lambda: outcome(guest, workspace, until)


def obstacle(seconds: int) -> str | None:
    """Why cron cannot be tried here and how to change that; None if it can."""
    if seconds < LEAST_SECONDS:
        return f"three minutes of cron need SECONDS={LEAST_SECONDS}"
    if shutil.which("cron") is None:
        return "Debian's cron is not installed (apt-get install cron)"
    return "only root can create a user for it (sudo make soak)" if os.geteuid() else None


@contextmanager
def a_guest() -> Iterator[Guest]:
    """A system user with a temporary home. Afterwards the user, the home and the user's processes are removed."""
    name = f"soak-{os.getpid()}"
    with TemporaryDirectory() as temporary:
        home = Path(temporary)
        run("useradd", "--system", "--no-log-init", "--home-dir", str(home), "--shell", "/usr/sbin/nologin", name)
        try:
            guest = Guest(name, pwd.getpwnam(name).pw_uid, home)
            yield guest
        finally:
            end_processes(pwd.getpwnam(name).pw_uid)
            run("userdel", "--force", name)  # also while a killed process has not ended yet


def install(guest: Guest, url: str) -> str | None:
    """Installs the project like a new user: a copy, `make install`, the secrets. Returns the error, if any."""
    ours = [PurePath(line).name for line in (ROOT / ".gitignore").read_text().split()]
    shutil.copytree(ROOT, guest.project, ignore=shutil.ignore_patterns(".git", *ours))
    secrets = f'[sources.intercom]\naccess_token = "{TOKEN}"\nbase_url = "{url}"\n'
    (guest.project / ".dlt" / "secrets.toml").write_text(secrets)
    python = shutil.which("python3", path=DEFAULT_PATH)  # other users may not reach the one on this process's path
    # copies of the packages, because links keep the owner of uv's cache
    environment = os.environ | {"UV_LINK_MODE": "copy"}
    made = subprocess.run(
        ["make", "--quiet", "install", f"PYTHON={python}"],
        cwd=guest.project,
        env=environment,
        capture_output=True,
        text=True,
    )
    run("chown", "--recursive", f"{guest.name}:", str(guest.home))
    return None if made.returncode == 0 else " ".join((made.stdout + made.stderr).split())[-300:]


@contextmanager
def scheduled(guest: Guest) -> Iterator[None]:
    """Installs the guest's crontab, and runs a cron that ends with the block if no other one runs."""
    run("crontab", "-u", guest.name, "-", given=guest.crontab())
    try:
        with subprocess.Popen(["cron", "-f"], stderr=subprocess.DEVNULL) as daemon:
            try:
                yield
            finally:
                daemon.terminate()
    finally:
        run("crontab", "-u", guest.name, "-r")


def outcome(guest: Guest, workspace: Workspace, until: float) -> Iterator[str]:
    """Waits for the runs, prints a line about them, and yields their failures."""
    while len(runs := journaled(guest)) < RUNS and time.monotonic() < until:
        time.sleep(1)
    typer.echo(f"cron: {len(runs)} runs as {guest.name}: {', '.join(str(run.outcome) for run in runs)}")
    for problem in problems(guest, workspace, runs[:RUNS]):
        yield f"cron: {problem}"


def journaled(guest: Guest) -> list[Run]:
    return list(read_journal(guest.data / "runs.jsonl"))


def problems(guest: Guest, workspace: Workspace, runs: list[Run]) -> Iterator[str]:
    """Output, failed or late runs, wrong members, and files that other users can read or that lie elsewhere.

    dlt writes a random id into the home even with its telemetry off.
    """
    printed = guest.mail.read_text() if guest.mail.exists() else "nothing: cron did not start it"
    if printed:
        yield f"it printed: {printed.strip()[:500]}"
    if [run.outcome for run in runs] != ["done"] * RUNS:
        yield f"{RUNS} runs should have succeeded within {TIMEOUT_SECONDS} s: {runs}"
        return
    minutes = [datetime.fromisoformat(run.started_at).replace(second=0, microsecond=0) for run in runs]
    if minutes != [minutes[0] + timedelta(minutes=number) for number in range(RUNS)]:
        yield f"the runs did not start in consecutive minutes: {[run.started_at for run in runs]}"
    if members(guest.data / "published.duckdb") != workspace.pairs():
        yield "the published copy has other members than the workspace"
    for path in (guest.data, *guest.data.rglob("*")):
        with suppress(FileNotFoundError):  # a later run may remove files
            if path.stat().st_uid != guest.uid or path.stat().st_mode & 0o077:
                yield f"{path} is not restricted to its owner: {oct(path.stat().st_mode)} of {path.owner()}"
    files = {path for path in guest.home.rglob("*") if path.is_file() and guest.project not in path.parents}
    if elsewhere := files - {guest.mail}:
        yield f"there are files outside of the project's folder: {elsewhere}"


def members(published: Path) -> set[tuple[str, str]]:
    with duckdb.connect(str(published), read_only=True) as connection:
        query = "select segment_id, contact_id from intercom.current_segment_members"
        return {(segment_id, contact_id) for segment_id, contact_id in connection.execute(query).fetchall()}


def end_processes(uid: int) -> None:
    """Kills the processes that a user has left running, one by one."""
    for process in (path for path in Path("/proc").iterdir() if path.name.isdigit()):
        with suppress(FileNotFoundError, ProcessLookupError):
            if process.stat().st_uid == uid:
                os.kill(int(process.name), signal.SIGKILL)


def run(*command: str, given: str | None = None) -> None:
    """Runs a command, or raises its error output."""
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
