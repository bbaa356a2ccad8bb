"""`explain`: all that is known of one contact's memberships, and from which observation.

It reads the published tables in one snapshot, takes no lock, and writes nothing.
"""

from dataclasses import dataclass, field

from sources.intercom.tables import Privacy

from ...destinations import Reader, Warehouse
from ...errors import NothingToRead
from ...runs import PublishedWorkspace, published_workspace
from .contact import ContactFinder, known_contact
from .log import NO_LOG, read_log
from .rows import WorkspaceRows
from .segments import SegmentReader, segment_named
from .story import Explained

OBSERVED_UNTIL = "select max(last_observed_at) from intercom.workspaces where workspace_id = {workspace}"


@dataclass(frozen=True)
class Explain:
    """The memberships of one contact.

    Args:
        contact: its id, its external id or its e-mail address.
        segment: only this one, by id or name.
        workspace: its name here; null for the only one.
        privacy: the columns of contacts that are hashed, and the key.
    """

    warehouse: Warehouse
    contact: str
    segment: str | None = None
    workspace: str | None = None
    privacy: Privacy = field(default_factory=Privacy)

    def run(self) -> Explained:
        """The story.

        Raises:
            Misconfigured: there is no such contact, segment or workspace, or several contacts have the address.
            NothingToRead: nothing is published.
        """
        with self.warehouse.reading() as reader:
            workspace = published_workspace(self.warehouse, reader, self.workspace)
            if workspace is None:
                raise NothingToRead(f"{self.warehouse.address} has no segment yet. Run intercom-warehouse sync first.")
            return self._explained(reader, workspace)

    def _explained(self, reader: Reader, workspace: PublishedWorkspace) -> Explained:
        rows = WorkspaceRows(reader, workspace.workspace_id)
        contact_id = ContactFinder(rows, self.privacy).find(self.contact)
        segment_id = None if self.segment is None else segment_named(rows, self.segment)
        log = read_log(rows, contact_id) if rows.has_log() else None
        ((observed_until,),) = rows.tuples(OBSERVED_UNTIL)
        return Explained(
            workspace_id=workspace.workspace_id,
            workspace=workspace.name,
            observed_until=observed_until,
            day_timezone=self.warehouse.day_timezone,
            has_log=log is not None,
            contact=known_contact(rows, contact_id),
            removals=(log or NO_LOG).removals,
            absorbed=(log or NO_LOG).absorbed,
            segments=SegmentReader(rows, contact_id, log).stories(segment_id),
        )
