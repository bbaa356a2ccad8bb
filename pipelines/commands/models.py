"""`models`: rebuilds the marts from the raw tables, without a call to Intercom."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from ..destinations import RAW, relations
from ..errors import Misconfigured
from ..models import Build
from ..runs import Job, bound_workspace, build_models

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
