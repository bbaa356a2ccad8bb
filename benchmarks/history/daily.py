"""What a sync builds after a day of changes, against a build of all."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from resource import struct_rusage
from tempfile import TemporaryDirectory

from pipelines.destinations import Warehouse

from .builds import BuildTimes, in_a_child
from .tables import HistorySize, fingerprints, hold_back_last_day, load_last_day


@dataclass(frozen=True)
class DayBuild:
    """The CPU time of two processes, and the tables that they leave different."""

    spells: int
    cpu_seconds: float
    whole_cpu_seconds: float
    slowest: str
    differing: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.spells:,} spells: a day {self.cpu_seconds:.1f} s of CPU, all {self.whole_cpu_seconds:.1f} s, "
            f"{self.whole_cpu_seconds / self.cpu_seconds:.1f} x; differing: {', '.join(self.differing) or 'none'}\n"
            f"{self.slowest}"
        )


def measure_day(size: HistorySize) -> DayBuild:
    """Builds all but the last day, then what that day touches, then all."""
    with TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder))
        in_a_child("write", folder, json.dumps(asdict(size)))
        hold_back_last_day(warehouse)
        in_a_child("build", folder)
        load_last_day(warehouse)
        output, of_day = in_a_child("refresh", folder)
        after_day = fingerprints(warehouse)
        _, of_all = in_a_child("build", folder)
        after_all = fingerprints(warehouse)
    times = sorted(BuildTimes(**json.loads(output)).seconds_by_file.items(), key=lambda file: -file[1])
    return DayBuild(
        size.spells,
        _cpu(of_day),
        _cpu(of_all),
        "\n".join(f"  {seconds:6.1f} s  {name}" for name, seconds in times[:12]),
        tuple(name for name in after_all if after_all[name] != after_day.get(name)),
    )


def _cpu(usage: struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
