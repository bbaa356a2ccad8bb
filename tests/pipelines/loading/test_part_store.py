"""Parts of a first load that are not loaded yet survive a kill, and corrupt ones are read again."""

import asyncio
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pyarrow as pa
import pytest

from pipelines.errors import ExitCode
from pipelines.loading import Background, PartStore, part_store_of
from pipelines.loading.part_store import PACKAGE_BYTES, drop_unreadable_parts
from sources.intercom.readings import FirstLoadState, Part, Sweep
from sources.intercom.readings.parts import SIGHTINGS

from ...soak.audit import check_keys
from ...soak.kills import Death, Site, sync_and_die
from ...support.deployments import Deployment
from ...support.first_loads import CutOffAfter, contacts, large_deployment, true_contacts

STARTED = datetime(2026, 3, 2, tzinfo=UTC)


def part(*ids: str, sighted: dict[str, list[str]] | None = None) -> Part:
    sweeps = {key: Sweep(1, STARTED, 9, [(None, None)]) for key in sighted or {}}
    rows = [(key, STARTED, contact_id) for key, contact_ids in (sighted or {}).items() for contact_id in contact_ids]
    sightings = pa.Table.from_pylist([dict(zip(SIGHTINGS.names, row, strict=True)) for row in rows], schema=SIGHTINGS)
    return Part({"contacts": pa.table({"id": ids})}, sightings, FirstLoadState("w", None, None, 0, sweeps=sweeps))


def taken(store: PartStore) -> list[list[list[str]]]:
    """The ids on the shelf, by package and part."""
    return [[ids_of(one.table("contacts")) for one in package] for package in store.packages()]


def ids_of(table: pa.Table | None) -> list[str]:
    return table["id"].to_pylist() if table else []


def test_parts_are_loaded_once_in_the_order_in_which_they_were_read(tmp_path: Path) -> None:
    store = PartStore(tmp_path / "shelf")
    store.keep(part("a", "b"))
    store.keep(part("c"))

    assert taken(store) == [[["a", "b"], ["c"]]]
    assert taken(PartStore(tmp_path / "shelf")) == []


def test_parts_that_were_taken_but_not_loaded_are_there_again(tmp_path: Path) -> None:
    store = PartStore(tmp_path)
    store.keep(part("a"))
    next(iter(next(store.packages())))

    assert taken(PartStore(tmp_path)) == [[["a"]]]


def test_a_package_holds_no_more_than_is_bearable(tmp_path: Path) -> None:
    store = PartStore(tmp_path)
    for _ in range(3):
        store.keep(part("a" * (PACKAGE_BYTES // 2 - 10_000)))

    assert [len(package) for package in taken(store)] == [2, 1]


def test_whoever_takes_parts_waits_for_those_still_to_come(tmp_path: Path) -> None:
    store = PartStore(tmp_path)

    async def read() -> None:
        for contact_id in "abc":
            await asyncio.sleep(0.01)
            store.keep(part(contact_id))

    store.open()
    with Background(read(), store.close):
        found = taken(store)

    assert found == [[["a"], ["b"], ["c"]]]


def test_sightings_outlive_the_load_of_the_rows_beside_them(tmp_path: Path) -> None:
    store = PartStore(tmp_path)
    store.keep(part("a", sighted={"s": ["a"], "over": ["z"]}))
    store.keep(part("b", sighted={"s": ["b"]}))

    taken(store)
    ((segment_id, (sweep, ids)),) = PartStore(tmp_path).interruptions().items()

    assert (segment_id, sweep.started_at, ids) == ("s", STARTED, {"a", "b"})
    assert not list(tmp_path.rglob("contacts.arrow"))


@pytest.mark.parametrize("file", ["contacts.arrow", "label.json"])
@pytest.mark.parametrize("spoil", [lambda content: b"", lambda content: content[: len(content) // 2]])
def test_a_part_that_cannot_be_read_is_forgotten_with_all_behind_it(
    tmp_path: Path, file: str, spoil: Callable[[bytes], bytes]
) -> None:
    store = PartStore(tmp_path)
    for contact_id in "abc":
        store.keep(part(contact_id))
    spoilt = tmp_path / "000002" / file
    spoilt.write_bytes(spoil(spoilt.read_bytes()))

    drop_unreadable_parts(tmp_path)

    assert taken(PartStore(tmp_path)) == [[["a"]]]


def test_work_beside_a_block_raises_where_the_block_ends() -> None:
    ended: list[bool] = []

    async def fail() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError), Background(fail(), lambda: ended.append(True)):
        pass

    assert ended == [True]


def test_work_beside_a_block_that_fails_is_cancelled() -> None:
    ended: list[bool] = []

    with pytest.raises(KeyError), Background(asyncio.sleep(3600), lambda: ended.append(True)):
        raise KeyError

    assert ended == [True]


def test_a_block_that_fails_when_the_work_beside_it_has_ended_says_why() -> None:
    ended = Event()

    def fail() -> None:
        ended.wait()
        raise KeyError

    with pytest.raises(KeyError), Background(asyncio.sleep(0), ended.set):
        fail()


@pytest.mark.nightly
@pytest.mark.parametrize(("hours", "begins_again"), [(0.5, False), (2, True)])
def test_a_sweep_that_was_interrupted_goes_on_unless_that_was_long_ago(
    make_deployment: Callable[..., Deployment], hours: float, begins_again: bool
) -> None:
    deployment = make_deployment(contacts=4_000, segments=15)
    with pytest.raises(ExceptionGroup):
        deployment.sync(transport=CutOffAfter(deployment, 62))
    interrupted = set(part_store_of(deployment.warehouse.pipeline(deployment.name)).interruptions())
    first_attempt = deployment.workspace.now()
    deployment.workspace.advance(hours=hours)

    deployment.sync()

    rows = deployment.query("select segment_id, min(started_at) from intercom_raw.segment_scans group by 1")
    started = {segment_id: at for segment_id, at in rows if segment_id in interrupted}
    assert interrupted
    assert {at > first_attempt for at in started.values()} == {begins_again}
    assert deployment.members() == deployment.workspace.pairs()


KILLS = {
    "before a part is on the shelf": Death(r"^os.rename \S+/first_load/unfinished ", 8),
    "while a package is put away": Death(r"^os.rename \S+/first_load/\d+/unfinished ", 3),
    "half put away": Death(r"^os.remove \S+/first_load/\d+/\w+.arrow", 5),
    "before all is thrown away": Death(r"^shutil.rmtree \S+/first_load\b", 1),
}


@pytest.mark.nightly
@pytest.mark.parametrize("point", KILLS)
def test_a_first_load_that_is_killed_is_as_if_nobody_had_killed_it(tmp_path: Path, point: str) -> None:
    site = Site(tmp_path / "data", contacts=1_500, segments=100)

    exit_code = sync_and_die(site, KILLS[point])
    deployment = site.deployment()
    deployment.workspace.advance(seconds=1)
    outcome = deployment.sync()

    assert exit_code == -signal.SIGKILL
    assert outcome.exit_code == ExitCode.DONE
    assert deployment.members() == deployment.workspace.pairs()
    assert contacts(deployment) == true_contacts(deployment.workspace)
    assert not list(deployment.folder.rglob("*.arrow"))
    check_keys(deployment)


@pytest.mark.nightly
def test_a_first_load_whose_shelf_is_gone_goes_on_behind_what_was_loaded(
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment = large_deployment(make_deployment)
    with pytest.raises(ExceptionGroup):
        deployment.sync(transport=CutOffAfter(deployment, 60))
    shutil.rmtree(deployment.folder / "pipelines" / deployment.name / "first_load")
    deployment.workspace.advance(seconds=30)

    outcome = deployment.sync()

    assert outcome.exit_code == ExitCode.DONE
    assert deployment.members() == deployment.workspace.pairs()
    assert contacts(deployment) == true_contacts(deployment.workspace)
