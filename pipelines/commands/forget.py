"""`forget`: removes a person from everything below the data folder, and leaves all counts as they were.

The contact stays as a row without data under a random id, so that every membership still belongs to somebody. What a
database keeps of what it replaced goes too: its files are written anew.
"""

import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dlt
from dlt.pipeline.exceptions import PipelineStepFailed

from sources.intercom.api import Usage
from sources.intercom.memberships import Clock

from ..destinations import MARTS, RAW, Warehouse
from ..errors import ExitCode, Misconfigured, causes
from ..folder import AT_ONCE, LockRequest, replace_in_journal
from ..loading import Mentions, is_id, load_package, part_store_of, pseudonym, repair_packages
from ..models import published_marts
from ..runs import Say, bound_workspace, build_models, recorded, silently, utc_now
from ..settings import DEFAULT_WORKSPACE


@dataclass(frozen=True)
class Forgotten:
    """What was removed: `rows` that named the contact, by loaded table.

    `merged_with` are other contacts that the person was, or is: they are rows of their own. `was_interrupted`: an
    earlier run had not come to its end, and this one has; `rows` are of this one.
    """

    run_id: str
    workspace_id: str
    exit_code: ExitCode
    rows: dict[str, int]
    merged_with: tuple[str, ...]
    was_interrupted: bool
    seconds: float


@dataclass
class Forget:
    """Forgets one contact of one workspace; `run` does it. Asks Intercom nothing.

    Args:
        workspace: its name here, and its pipeline's.
        wait: how long to wait for another run to end.
        say: told each step as it begins.
    """

    warehouse: Warehouse
    contact_id: str
    workspace: str = DEFAULT_WORKSPACE
    wait: timedelta = AT_ONCE
    clock: Clock = utc_now
    say: Say = silently

    def run(self) -> Forgotten:
        """Forgets, and writes the run into the journal however it ends, without the contact's id.

        May be killed anywhere: what is not done then is done by whoever forgets next, this contact or another.

        Raises:
            WarehouseError: nothing is half done; the words tell how to go on.
        """
        began = time.monotonic()
        if not self.warehouse.is_used:
            raise Misconfigured(f"There is no warehouse in {self.warehouse.place} yet, so nobody is in it.")
        kept = recorded(self.warehouse, self.workspace, "forget", clock=self.clock, usage=Usage())
        request = LockRequest("forget", self.workspace, wait=self.wait, say=self.say)
        with kept as run, self.warehouse.held(request):
            pipeline = self.warehouse.pipeline(self.workspace)
            run.workspace_id = self._workspace_id(pipeline)
            self._finish_pending(pipeline)
            was_interrupted = self.warehouse.is_rewrite_due
            rows, merged_with = self._remove(pipeline, run.workspace_id)
            seconds = round(time.monotonic() - began, 1)
            return Forgotten(run.run_id, run.workspace_id, ExitCode.DONE, rows, merged_with, was_interrupted, seconds)

    def _workspace_id(self, pipeline: dlt.Pipeline) -> str:
        repair_packages(Path(pipeline.working_dir))
        if not pipeline.has_pending_data:
            pipeline.sync_destination()
        workspace_id = bound_workspace(pipeline)
        if workspace_id is None:
            raise Misconfigured(
                f"No workspace was ever synced as {self.workspace}, so nobody of it can be forgotten. Name the one the "
                "contact is of: --workspace NAME."
            )
        return workspace_id

    def _finish_pending(self, pipeline: dlt.Pipeline) -> None:
        """What an interrupted run had read may hold the person."""
        if not pipeline.has_pending_data:
            return
        self.say("Loading what an interrupted run had read")
        try:
            load_package(pipeline)
        except PipelineStepFailed as error:
            if any(self.warehouse.explain(cause) for cause in causes(error)):
                raise
            raise Misconfigured(
                "What an interrupted run had read cannot be loaded, and may hold the person. Nobody was forgotten. Run "
                "intercom-warehouse abort-pending, which drops it, and then this command again."
            ) from error

    def _remove(self, pipeline: dlt.Pipeline, workspace_id: str) -> tuple[dict[str, int], tuple[str, ...]]:
        """Answers the rows that named the contact, by table, and contacts merged with it."""
        with pipeline.sql_client() as client:
            mentions = Mentions(client, RAW, workspace_id, self.contact_id)
            is_known = mentions.is_known
            if not (is_known or self.warehouse.is_rewrite_due or self._is_in_part_store(pipeline)):
                raise self._unknown(workspace_id)
            self.warehouse.note_rewrite_due()
            rows, merged_with, tables = mentions.rows(), mentions.merged_with(), mentions.tables()
            if is_known:
                self._replace(mentions, pipeline.pipeline_name)
        self._leave_nothing(self._without_history(pipeline), tables)
        return rows if is_known else {}, merged_with

    def _replace(self, mentions: Mentions, pipeline_name: str) -> None:
        """The tables come last: whoever is not in them any more is nowhere else either."""
        self.say("Removing the contact from the loaded tables")
        substitute = pseudonym()
        replace_in_journal(self.warehouse.journal, self.contact_id, substitute)
        mentions.replace(substitute, pipeline_name)

    def _leave_nothing(self, pipeline: dlt.Pipeline, tables: list[str]) -> None:
        """Writes all of it anew: what readers see, too, if anything was ever shown to them."""
        is_built = has_marts(pipeline)
        if is_built:
            self.say("Building the models and checking them")
            build_models(pipeline)
        self.say(f"Writing {self.warehouse.place} anew")
        self.warehouse.rewrite(tables)
        if is_built:
            self.warehouse.publish(published_marts(), self.say)
        self.warehouse.note_rewritten()

    def _is_in_part_store(self, pipeline: dlt.Pipeline) -> bool:
        """Whether a first load has read the contact, and not loaded it."""
        name = self.contact_id.encode()
        return is_id(self.contact_id) and any(name in file.read_bytes() for file in part_store_of(pipeline).files())

    def _unknown(self, workspace_id: str) -> Misconfigured:
        """The id is not repeated, since these words are kept in the run journal."""
        return Misconfigured(
            f"Workspace {workspace_id} has no contact of that id in {self.warehouse.place}, so nothing was changed. "
            "Look its id up in intercom.contacts, or in the address of its page in Intercom."
        )

    def _without_history(self, pipeline: dlt.Pipeline) -> dlt.Pipeline:
        """The pipeline in a new working folder, made of what the warehouse keeps of it.

        The old one remembers all loads, errors of loads included, and holds a first load's parts that are not loaded.
        """
        shutil.rmtree(pipeline.working_dir)
        fresh = self.warehouse.pipeline(self.workspace)
        fresh.sync_destination()
        return fresh


def has_marts(pipeline: dlt.Pipeline) -> bool:
    """Whether there are any: while a first load has not come to its end there are none."""
    with pipeline.sql_client() as client:
        query = "select table_name from information_schema.tables where table_schema = %s limit 1"
        return bool(client.execute_sql(query, MARTS))
