"""`forget`: removes a person from everything below the data folder, and leaves all counts as they were.

The contact stays as a row without data under a random id, so that every membership still has its contact. What a
database keeps of replaced rows goes too: its files are rewritten.
"""

import shutil
from dataclasses import dataclass

import dlt
from dlt.pipeline.exceptions import PipelineStepFailed

from ..destinations import MARTS, RAW, dialect_of, relations
from ..errors import ExitCode, Misconfigured
from ..folder import replace_in_journal
from ..loading import Mentions, is_id, part_store_of, pseudonym
from ..models import Place, published_marts, rewriting, touching_contact
from ..runs import Job, bound_workspace, refresh_models


@dataclass(frozen=True)
class Forgotten:
    """What was removed: `rows` that named the contact, by loaded table.

    `merged_with`: other contacts that it was merged into, or that were merged into it; they have rows of their own.
    `was_interrupted`: an earlier run had not finished, and this one has; `rows` are of this one.
    """

    run_id: str
    workspace_id: str
    exit_code: ExitCode
    rows: dict[str, int]
    merged_with: tuple[str, ...]
    was_interrupted: bool
    seconds: float


@dataclass(kw_only=True)
class Forget(Job):
    """Forgets one contact of one workspace, without a call to Intercom."""

    contact_id: str

    def run(self) -> Forgotten:
        """Forgets the contact. The journal gets the run without the contact's id.

        A kill at any point is safe: the next `forget`, of this contact or another, finishes the work.

        Raises:
            WarehouseError: the contact is as it was, or the message gives the command that finishes the work.
        """
        if not self.warehouse.is_used:
            raise Misconfigured(f"There is no warehouse in {self.warehouse.place} yet, so it holds no contact.")
        with self._recorded("forget") as (run, pipeline):
            run.workspace_id = self._workspace_id(pipeline)
            self._finish_pending(pipeline)
            was_interrupted = self.warehouse.data_folder.is_rewrite_due
            rows, merged_with = self._remove(pipeline, run.workspace_id)
            return Forgotten(
                run.run_id, run.workspace_id, ExitCode.DONE, rows, merged_with, was_interrupted, self._seconds
            )

    def _workspace_id(self, pipeline: dlt.Pipeline) -> str:
        if not pipeline.has_pending_data:
            pipeline.sync_destination()
        workspace_id = bound_workspace(pipeline)
        if workspace_id is None:
            raise Misconfigured(
                f"No workspace was ever synced as {self.workspace}, so no contact of it can be forgotten. Name the "
                "contact's workspace: --workspace NAME."
            )
        return workspace_id

    def _finish_pending(self, pipeline: dlt.Pipeline) -> None:
        """Pending packages may hold the person."""
        try:
            super()._finish_pending(pipeline)
        except PipelineStepFailed as error:
            if self.warehouse.explain(error):
                raise
            raise Misconfigured(
                "A pending package of an interrupted run cannot be loaded, and may hold the person. No contact was "
                "forgotten. Run intercom-warehouse abort-pending, which drops it, and then this command again."
            ) from error

    def _remove(self, pipeline: dlt.Pipeline, workspace_id: str) -> tuple[dict[str, int], tuple[str, ...]]:
        """Returns the rows that named the contact, by table, and contacts merged with it."""
        with pipeline.sql_client() as client:
            mentions = Mentions(client, self.warehouse.dialect, workspace_id, self.contact_id)
            is_known = mentions.is_known
            if not (is_known or self.warehouse.data_folder.is_rewrite_due or self._is_in_part_store(pipeline)):
                raise self._unknown(workspace_id)
            self.warehouse.data_folder.note_rewrite_due()
            rows, merged_with, tables = mentions.rows(), mentions.merged_with(), mentions.tables()
            if is_known:
                self._replace(mentions, pipeline.pipeline_name)
        self._rewrite(self._without_history(pipeline), tables)
        return rows if is_known else {}, merged_with

    def _replace(self, mentions: Mentions, pipeline_name: str) -> None:
        """The tables come last: a contact that is no longer in them is nowhere else either."""
        self.say("Removing the contact from the loaded tables")
        substitute = pseudonym()
        replace_in_journal(self.warehouse.journal, self.contact_id, substitute)
        place = Place(RAW, MARTS, self.warehouse.dialect)
        touching = touching_contact(place, mentions.workspace_id, (self.contact_id, substitute))
        with mentions.client.begin_transaction(), rewriting(mentions.client, place, touching):
            mentions.replace(substitute, pipeline_name)

    def _rewrite(self, pipeline: dlt.Pipeline, tables: list[str]) -> None:
        """Rewrites the warehouse, and the published copy if there ever was one."""
        is_built = has_marts(pipeline)
        if is_built:
            self.say("Building the models and checking them")
            warehouse = self.warehouse
            refresh_models(pipeline, day_timezone=warehouse.day_timezone, compatibility=warehouse.compatibility)
        self.say(f"Rewriting {self.warehouse.place}")
        self.warehouse.rewrite(tables)
        if is_built:
            self.warehouse.publish(published_marts(self.warehouse.dialect, self.warehouse.day_timezone), self.say)
        self.warehouse.data_folder.note_rewritten()

    def _is_in_part_store(self, pipeline: dlt.Pipeline) -> bool:
        """Whether a first load has read the contact, and not loaded it."""
        name = self.contact_id.encode()
        return is_id(self.contact_id) and any(name in file.read_bytes() for file in part_store_of(pipeline).files())

    def _unknown(self, workspace_id: str) -> Misconfigured:
        """Without the contact's id, since the run journal keeps this message."""
        return Misconfigured(
            f"Workspace {workspace_id} has no contact of that id in {self.warehouse.place}, so nothing was changed. "
            "Find the id in intercom.contacts, or in the address of the contact's page in Intercom."
        )

    def _without_history(self, pipeline: dlt.Pipeline) -> dlt.Pipeline:
        """The pipeline in a new working folder, restored from the warehouse.

        The old folder holds notes of all loads, their errors included, and parts of a first load that are not loaded.
        """
        shutil.rmtree(pipeline.working_dir)
        fresh = self.warehouse.pipeline(self.workspace)
        fresh.sync_destination()
        return fresh


def has_marts(pipeline: dlt.Pipeline) -> bool:
    """Whether marts were built: there are none before the first load ends."""
    with pipeline.sql_client() as client:
        return bool(relations(client.execute_sql, dialect_of(pipeline), MARTS))
