"""`models`: rebuilds the marts from the raw tables, in the warehouse or on Spark, without a call to Intercom."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from ..destinations import MARTS, RAW, relations
from ..errors import Misconfigured, plain_errors
from ..errors import explained as explained_by_system
from ..folder import AT_ONCE, LockRequest
from ..lake import BUILDING, RunFolders, build_marts, spark_at
from ..messages import Step
from ..models import Build
from ..runs import Job, Say, bound_workspace, build_models, silently

LOG = "spark.log"
"""The file in the marts' folder with Spark's own messages. They may quote values."""
NOT_LOADED = "There is no warehouse in {place} yet. Run intercom-warehouse sync first."


@dataclass(kw_only=True)
class Rebuild(Job):
    """Builds and publishes. `select` names models: only these and all downstream of them are built."""

    select: Collection[str] | None = None

    def run(self) -> Build:
        """Builds and publishes.

        Raises:
            WarehouseError: the marts and the published copy are as they were.
        """
        if not self.warehouse.exists:
            raise Misconfigured(NOT_LOADED.format(place=self.warehouse.place))
        with self._recorded("models") as (run, pipeline):
            run.workspace_id = bound_workspace(pipeline)
            with pipeline.sql_client() as client:
                if not relations(client.execute_sql, self.warehouse.dialect, RAW):
                    raise Misconfigured(NOT_LOADED.format(place=self.warehouse.place))
            return self._publish(partial(build_models, select=self.select), pipeline)


@dataclass(frozen=True, kw_only=True)
class LakeBuild:
    """Builds the marts on Spark, from exported raw tables. The warehouse is not needed.

    `raw`, `marts`: folders that this computer and all workers find under the same path. `kept`: how many builds stay.
    """

    address: str
    raw: Path
    marts: Path
    kept: int
    day_timezone: str = "UTC"
    wait: timedelta = AT_ONCE
    say: Say = silently

    def run(self) -> Build:
        """Builds all models into a new folder, checks them, then shows them to readers.

        Raises:
            WarehouseError: readers see the marts of the last good build.
        """
        raw, runs = RunFolders(self.raw.absolute(), self.kept), RunFolders(self.marts.absolute(), self.kept)
        source, request = raw.current, LockRequest("models", wait=self.wait, say=self.say)
        with plain_errors(partial(explained_by_system, folder=runs.folder)), runs.new_run(request) as run:
            self.say(Step(f"Starting Spark at {self.address}", "start_engine"))
            with spark_at(self.address, runs.folder / LOG, run / BUILDING) as engine:
                self.say(Step("Building the models and checking them", "build"))
                schema = f"{MARTS}_{run.name.rpartition('=')[2].lower()}"
                built = build_marts(engine, source, run, schema=schema, day_timezone=self.day_timezone)
                runs.point_to(run)
                if engine.has_catalog:
                    engine.repoint(sorted(folder.name for folder in run.iterdir()), run)
        return built
