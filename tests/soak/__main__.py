"""Random kills and random lives for a given time. The same seed tries the same ones, as far as threads allow."""

import gc
import shutil
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Annotated

import hypothesis
import typer
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from pipelines.errors import causes
from pipelines.settings import use_project_config
from sources.intercom.catalog import ALL
from tests.soak import cron

from ..support.lists import different_tables
from .audit import check_keys
from .kills import ANYWHERE, Death, NeverKilled, Site, contents, count_points, differences, never_killed, sync_and_die
from .machine import Syncing, TimeIsUp
from .unheard import listening

KILLS = 40
SHARE_OF_KILLS = 0.4
"""The largest share of the time for kills; the rest is for lives."""
SITES: tuple[tuple[int, tuple[str, ...]], ...] = ((0, ()), (2, ()), (2, (ALL,)))
"""Ages in days, and the resources that are read beside contacts and segments."""
KILLED_AT = 0.7
READ_AGAIN_AT_MOST = 0.4


def soak(
    seconds: Annotated[int, typer.Option(help="About how long to run.")] = 600,
    seed: Annotated[int, typer.Option(help="The same seed tries the same kills and lives.")] = 1,
) -> None:
    """Kills syncs at random points, then first syncs of large workspaces, then simulates random lives.

    In parallel, Debian's cron runs the README's line. The exit code is 1 if anything fails.
    """
    use_project_config()
    started = time.monotonic()
    typer.echo(f"soak: seed {seed}, {seconds} s")
    failures = 0
    with listening() as listener, cron.beside(seconds) as runs_by_cron:
        for failure in chain(
            kill_at_random(seed, until=started + seconds * SHARE_OF_KILLS),
            resume_after_kills(seconds),
            simulate_random_lives(seed, until=started + seconds),
            runs_by_cron(),
            listener.heard,
        ):
            failures += 1
            typer.echo(f"FAILED: {failure}")
    took = time.monotonic() - started
    typer.echo(f"soak: seed {seed}, {took:.0f} s, {failures} failures: {'FAILED' if failures else 'passed'}; {tally()}")
    # DuckDB reports leaks at exit if Hypothesis's hook or the sandbox's exclusions from collection remain.
    gc.callbacks.clear()
    gc.unfreeze()
    raise typer.Exit(bool(failures))


def kill_at_random(seed: int, *, until: float) -> Iterator[str]:
    """Kills syncs at random points. Yields a failure if the next run does not repair the kill."""
    random, tried = Random(seed), 0
    with folder() as temporary:
        never = {kind: never_killed(new(temporary), *kind) for kind in SITES}
        points = {kind: count_points(copied(never[kind], new(temporary), kind), ANYWHERE) for kind in SITES}
        typer.echo(f"kills: syncs have {' and '.join(map(str, points.values()))} points")
        while tried < KILLS and time.monotonic() < until:
            tried += 1
            kind = random.choice(SITES)
            yield from kill(never[kind], copied(never[kind], new(temporary), kind), random.randint(1, points[kind]))
    typer.echo(f"kills: {tried} of {KILLS} tried")


def kill(never: NeverKilled, site: Site, number: int) -> Iterator[str]:
    """Kills one sync. Yields a failure if the marts differ after the next one."""
    diary = site.folder.with_suffix(".diary")
    sync_and_die(site, Death(ANYWHERE, number, diary))
    read = "all resources" if site.resources else "contacts"
    name = f"kill of sync {site.age + 1} of {read} at point {diary.read_text().replace(str(site.folder), '')}"
    deployment = site.deployment()
    deployment.workspace.advance(seconds=1)
    for attempt in (1, 2):
        try:
            deployment.sync()
            differing = differences(contents(deployment), never.contents)
            assert not differing, f"the marts differ from those without a kill: {'; '.join(differing)}"
            check_keys(deployment)
            different = different_tables(deployment, silent=False) if site.resources else []
            assert not different, f"these tables differ from the workspace: {', '.join(different)}"
        except Exception as error:  # noqa: BLE001 (every error is reported)
            yield f"{name}: run {attempt} after it: {summary(error)}"
        else:
            break


def resume_after_kills(seconds: int) -> Iterator[str]:
    """Kills first syncs of workspaces of several sizes, the larger ones only if there is time."""
    sizes = [size for size, least_seconds in ((5_000, 60), (20_000, 300)) if seconds >= least_seconds]
    for contacts in sizes:
        with folder() as temporary:
            yield from resume_after_a_kill(Site(temporary / "data", contacts=contacts, segments=25))


def resume_after_a_kill(site: Site) -> Iterator[str]:
    """Yields a failure if a first sync killed at 70% of its calls needs more than 40% of them again."""
    all_calls = count_points(site._replace(folder=site.folder.with_name("whole")), "^call")
    sync_and_die(site, Death("^call", int(KILLED_AT * all_calls)))
    deployment = site.deployment()
    deployment.workspace.advance(seconds=1)
    again = deployment.sync().api_calls
    result = f"{site.contacts} contacts: {again} of {all_calls} calls again after a kill at {KILLED_AT:.0%}"
    typer.echo(f"kills: {result}")
    if again > READ_AGAIN_AT_MOST * all_calls:
        yield f"{result}, more than {READ_AGAIN_AT_MOST:.0%}"
    if deployment.members() != deployment.workspace.pairs():
        yield f"{site.contacts} contacts: the members differ after a kill and another run"


def simulate_random_lives(seed: int, *, until: float) -> Iterator[str]:
    """Simulates lives until the time is up."""
    Syncing.until = until
    for life in count(seed * 1_000):
        try:
            lead(life)
        except TimeIsUp:
            break
        except Exception as error:  # noqa: BLE001 (every error is reported)
            typer.echo("".join(traceback.format_exception(error)))
            yield f"life of seed {life}: {summary(error)}"
        typer.echo(f"lives: seed {life} done; {tally()}")
    typer.echo(f"lives: {tally()}")


def lead(seed: int) -> None:
    """Simulates a few lives of one seed. Failures are not shrunk, because a life takes long."""
    run_state_machine_as_test(
        hypothesis.seed(seed)(Syncing),
        settings=hypothesis.settings(
            max_examples=5,
            stateful_step_count=16,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def tally() -> str:
    """What has been done so far."""
    return ", ".join(f"{number} {what}" for what, number in Syncing.tally.items())


def summary(error: BaseException) -> str:
    """The innermost cause of an error, in one line."""
    innermost = list(causes(error))[-1]
    return f"{type(innermost).__name__}: {' '.join(str(innermost).split())[:300]}"


@contextmanager
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def new(temporary: Path) -> Path:
    """A new folder in the temporary one."""
    made = temporary / str(len(list(temporary.iterdir())))
    made.mkdir()
    return made


def copied(never: NeverKilled, into: Path, kind: tuple[int, tuple[str, ...]]) -> Site:
    """A copy of the warehouse from before the sync."""
    shutil.copytree(never.before, into / "data")
    age, resources = kind
    return Site(into / "data", age, resources=resources)


if __name__ == "__main__":
    typer.run(soak)
