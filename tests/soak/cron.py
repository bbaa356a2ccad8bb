"""The README's crontab line, as Debian's cron runs it for a user without rights, three minutes in a row."""

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
"""Three minutes, one to wait for the first of them, and the rest to install and to look."""
RUNS = 3
PATIENCE_SECONDS = 60 * (RUNS + 1) + 30
EVERYBODYS_PATH = "/usr/local/bin:/usr/bin:/bin"
README = ROOT / "README.md"
SCHEDULE = re.compile(r"^(?:[\d*,/-]+ ){5}", re.MULTILINE)
WHERE_IT_IS = "/path/to/intercom-warehouse"
TOKEN = "token-of-a-stranger"

Check = Callable[[], Iterator[str]]


def line_of_readme() -> str:
    """The crontab line that the README shows."""
    (line,) = re.findall(rf"{SCHEDULE.pattern}.*$", README.read_text(), re.MULTILINE)
    return str(line)


class Guest(NamedTuple):
    """A user of this machine for a while, without any rights, who has installed the project."""

    name: str
    uid: int
    home: Path

    @property
    def project(self) -> Path:
        """Where the project is."""
        return self.home / "intercom-warehouse"

    @property
    def data(self) -> Path:
        """The data folder, where it is unless configured otherwise."""
        return self.project / "data"

    @property
    def mail(self) -> Path:
        """What cron would have mailed."""
        return self.home / "mail"

    def crontab(self) -> str:
        """The README's line with its own schedule and path; what is said ends in a file, so that no mail is sent."""
        line = line_of_readme().replace(WHERE_IT_IS, str(self.project))
        return f"* * * * * {{ {SCHEDULE.sub('', line)}; }} >> {self.mail} 2>&1\n"


@contextmanager
def beside(seconds: int) -> Iterator[Check]:
    """Lets cron do its runs while the block goes on; gives what waits for them and tells what was wrong.

    Leaves nothing behind: no user, no crontab, no process, no folder.
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
        until = time.monotonic() + PATIENCE_SECONDS
        yield lambda: outcome(guest, workspace, until)


def obstacle(seconds: int) -> str | None:
    """Why it cannot be tried here, and how it can; None if it can."""
    if seconds < LEAST_SECONDS:
        return f"three minutes of cron need SECONDS={LEAST_SECONDS}"
    if shutil.which("cron") is None:
        return "Debian's cron is not installed (apt-get install cron)"
    return "only root may make a user for it (sudo make soak)" if os.geteuid() else None


@contextmanager
def a_guest() -> Iterator[Guest]:
    """A system user with a home in a temporary folder; both are gone afterwards, and so are the user's processes."""
    name = f"soak-{os.getpid()}"
    with TemporaryDirectory() as temporary:
        home = Path(temporary)
        run("useradd", "--system", "--no-log-init", "--home-dir", str(home), "--shell", "/usr/sbin/nologin", name)
        try:
            guest = Guest(name, pwd.getpwnam(name).pw_uid, home)
            yield guest
        finally:
            end_processes(pwd.getpwnam(name).pw_uid)
            run("userdel", "--force", name)  # also while a process that was ended just now is not gone yet


def install(guest: Guest, url: str) -> str | None:
    """What a stranger does: a copy, `make install`, the secrets. Answers what went wrong, if anything."""
    ours = [PurePath(line).name for line in (ROOT / ".gitignore").read_text().split()]
    shutil.copytree(ROOT, guest.project, ignore=shutil.ignore_patterns(".git", *ours))
    secrets = f'[sources.intercom]\naccess_token = "{TOKEN}"\nbase_url = "{url}"\n'
    (guest.project / ".dlt" / "secrets.toml").write_text(secrets)
    python = shutil.which("python3", path=EVERYBODYS_PATH)  # the one on our own path may be ours alone
    # a copy of the packages, since links share their owner with uv's cache
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
    """The guest's crontab, and a cron that reads it: where none runs, one that ends afterwards."""
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
    """Waits for the runs, prints a line of them, and answers in what they were not as promised."""
    while len(runs := journaled(guest)) < RUNS and time.monotonic() < until:
        time.sleep(1)
    typer.echo(f"cron: {len(runs)} runs as {guest.name}: {', '.join(str(run.outcome) for run in runs)}")
    for problem in problems(guest, workspace, runs[:RUNS]):
        yield f"cron: {problem}"


def journaled(guest: Guest) -> list[Run]:
    return list(read_journal(guest.data / "runs.jsonl"))


def problems(guest: Guest, workspace: Workspace, runs: list[Run]) -> Iterator[str]:
    """Everything that a user would not like to find in the morning.

    dlt writes a random id into the home, though it is told to report to nobody.
    """
    said = guest.mail.read_text() if guest.mail.exists() else "nothing: it did not even begin"
    if said:
        yield f"it said: {said.strip()[:500]}"
    if [run.outcome for run in runs] != ["done"] * RUNS:
        yield f"{RUNS} runs in {PATIENCE_SECONDS} s should have ended well: {runs}"
        return
    minutes = [datetime.fromisoformat(run.started_at).replace(second=0, microsecond=0) for run in runs]
    if minutes != [minutes[0] + timedelta(minutes=number) for number in range(RUNS)]:
        yield f"the runs did not begin minute by minute: {[run.started_at for run in runs]}"
    if members(guest.data / "published.duckdb") != workspace.pairs():
        yield "the published copy holds other members than the workspace"
    for path in (guest.data, *guest.data.rglob("*")):
        with suppress(FileNotFoundError):  # a later run may be under way
            if path.stat().st_uid != guest.uid or path.stat().st_mode & 0o077:
                yield f"{path} is not for its owner only: {oct(path.stat().st_mode)} of {path.owner()}"
    files = {path for path in guest.home.rglob("*") if path.is_file() and guest.project not in path.parents}
    if strangers := files - {guest.mail, guest.home / ".dlt" / ".anonymous_id"}:
        yield f"there is something outside of the project's folder: {strangers}"


def members(published: Path) -> set[tuple[str, str]]:
    with duckdb.connect(str(published), read_only=True) as connection:
        query = "select segment_id, contact_id from intercom.current_segment_members"
        return {(segment_id, contact_id) for segment_id, contact_id in connection.execute(query).fetchall()}


def end_processes(uid: int) -> None:
    """Ends what a user has left running, one by one."""
    for process in (path for path in Path("/proc").iterdir() if path.name.isdigit()):
        with suppress(FileNotFoundError, ProcessLookupError):
            if process.stat().st_uid == uid:
                os.kill(int(process.name), signal.SIGKILL)


def run(*command: str, given: str | None = None) -> None:
    """Does something to the machine, or raises what it said."""
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
