"""Measures builds: `python -m benchmarks.history [changes] [100k 1m 5m]`, by default of all sizes."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import dlt

from pipelines.destinations import Warehouse
from pipelines.models import Build
from pipelines.runs import build_models, refresh_models
from pipelines.settings import use_project_config

from .builds import SIZES, BuildTimes, measure_build
from .daily import measure_changes
from .days import measure_days
from .tables import PIPELINE, HistorySize, write


def main(arguments: list[str]) -> None:
    """Measures the sizes, or performs one step of a measurement in this process."""
    match arguments:
        case ["write", folder, size]:
            write(Warehouse(Path(folder)), HistorySize(**json.loads(size)))
        case ["build", folder]:
            build(folder, build_models)
        case ["refresh", folder]:
            build(folder, refresh_models)
        case ["days", folder, days]:
            use_project_config()
            for cost in measure_days(Path(folder), int(days)):
                print(json.dumps(asdict(cost)), flush=True)  # noqa: T201 (for the parent process)
        case ["changes", *names]:
            for name in names or SIZES:
                for change in measure_changes(SIZES[name]):
                    print(change)  # noqa: T201 (a command)
        case _:
            for name in arguments or SIZES:
                print(measure_build(SIZES[name]))  # noqa: T201 (a command)


def build(folder: str, build_models: Callable[[dlt.Pipeline], Build]) -> None:
    """Builds without publishing, which would only copy the file."""
    use_project_config()
    built = build_models(Warehouse(Path(folder)).pipeline(PIPELINE))
    times = BuildTimes(built.seconds, built.seconds_by_file)
    print(json.dumps(asdict(times)))  # noqa: T201 (for the parent process)


if __name__ == "__main__":
    main(sys.argv[1:])
