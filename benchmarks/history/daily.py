"""What a sync builds after few changes, against a build of all."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from resource import struct_rusage
from tempfile import TemporaryDirectory

from pipelines.destinations import Warehouse

from .builds import BuildTimes, in_a_child
from .tables import HistorySize, fingerprints, forget_contact, hold_back_last_day, load_last_day, remove_run

CHANGES: Mapping[str, Callable[[Warehouse], None]] = {
    "a day": load_last_day,
    "a forgotten contact": forget_contact,
    "a repaired run": remove_run,
}


@dataclass(frozen=True)
class ChangeBuild:
    """The CPU time of two processes after a change, and the tables that they leave different."""

    spells: int
    change: str
    cpu_seconds: float
    whole_cpu_seconds: float
    slowest: str
    differing: tuple[str, ...]

    def __str__(self) -> str:
        ratio = self.whole_cpu_seconds / self.cpu_seconds
        return (
            f"{self.spells:,} spells: {self.change} {self.cpu_seconds:.1f} s of CPU, all "
            f"{self.whole_cpu_seconds:.1f} s, {ratio:.1f} x; differing: {', '.join(self.differing) or 'none'}\n"
            f"{self.slowest}"
        )


def measure_changes(size: HistorySize) -> Iterator[ChangeBuild]:
    """Builds all but the last day. After each change builds what it touches, and then all."""
    with TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder))
        in_a_child("write", folder, json.dumps(asdict(size)))
        hold_back_last_day(warehouse)
        in_a_child("build", folder)
        for change, happen in CHANGES.items():
            happen(warehouse)
            yield _measured(change, warehouse, size)


def _measured(change: str, warehouse: Warehouse, size: HistorySize) -> ChangeBuild:
    output, of_change = in_a_child("refresh", str(warehouse.folder))
    after_change = fingerprints(warehouse)
    _, of_all = in_a_child("build", str(warehouse.folder))
    after_all = fingerprints(warehouse)
    times = sorted(BuildTimes(**json.loads(output)).seconds_by_file.items(), key=lambda file: -file[1])
    return ChangeBuild(
        size.spells,
        change,
        _cpu(of_change),
        _cpu(of_all),
        "\n".join(f"  {seconds:6.1f} s  {name}" for name, seconds in times[:12]),
        tuple(name for name in after_all if after_all[name] != after_change.get(name)),
    )


def _cpu(usage: struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
