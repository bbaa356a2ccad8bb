"""Finds the contact that a command line names: by id, by external id, or by e-mail address."""

from dataclasses import dataclass

from sources.intercom.tables import Privacy

from ...errors import Misconfigured
from .rows import WorkspaceRows
from .story import KnownContact

MOST_IDS = 20
KINDS = {1: "id", 2: "external id", 3: "e-mail address"}
"""As CANDIDATES numbers them."""

CANDIDATES = """
select contact_id, removal_status,
    case when contact_id = {text} then 1 when external_id in ({external}) then 2 else 3 end as matched_by
from intercom.contacts
where workspace_id = {workspace}
    and (contact_id = {text} or external_id in ({external}) or lower(email) in ({addresses}))
order by matched_by, contact_id
"""
MEMBER = "select count(*) from intercom.segment_memberships where workspace_id = {workspace} and contact_id = {text}"
CONTACT = """
select external_id, role, name, email, created_at, removal_status, merged_into_contact_id
from intercom.contacts where workspace_id = {workspace} and contact_id = {contact}
"""
KEPT = """
select max(case when external_id is not null then 1 else 0 end), max(case when email is not null then 1 else 0 end)
from intercom.contacts where workspace_id = {workspace}
"""


@dataclass(frozen=True)
class ContactFinder:
    """Searches the contacts of a workspace. `privacy`: hashed columns are compared with the hash of the text."""

    rows: WorkspaceRows
    privacy: Privacy

    def find(self, text: str) -> str:
        """The contact's id. An id counts before an external id, and that before an address.

        Raises:
            Misconfigured: there is no such contact, or several have the address. The message does not repeat the text.
        """
        text = text.strip()
        candidates = self.rows.tuples(
            CANDIDATES, text=text, external=self._forms("external_id", text), addresses=self._forms("email", text)
        )
        best = [one for one in candidates if one[2] == candidates[0][2]]
        if len(best) > 1:
            raise Misconfigured(_several(best))
        if best:
            return str(best[0][0])
        ((memberships,),) = self.rows.tuples(MEMBER, text=text)
        if not memberships:
            raise Misconfigured(self._unknown())
        return text

    def _forms(self, column: str, text: str) -> list[str]:
        """The text as the column may hold it: addresses in lower case, or hashed."""
        plain = text.lower() if column == "email" else text
        return [plain, *(self.privacy.hashes_of(column, text) if text else ())]

    def _unknown(self) -> str:
        ((has_external_ids, has_addresses),) = self.rows.tuples(KEPT)
        kinds = dict(zip(KINDS.values(), (True, has_external_ids, has_addresses), strict=True))
        *kept, last = (kind for kind, is_kept in kinds.items() if is_kept)
        searched = f"{', '.join(kept)} or {last}" if kept else last
        left_out = [f"No contact has an {kind} here." for kind, is_kept in kinds.items() if not is_kept]
        unknown = f"Workspace {self.rows.workspace_id} has no contact with that {searched}."
        advice = "Find the id in intercom.contacts, or in the address of the contact's page in Intercom."
        return " ".join((unknown, *left_out, advice))


def _several(candidates: list[tuple[str, str | None, int]]) -> str:
    shown = ", ".join(f"{one[0]} ({one[1]})" if one[1] else one[0] for one in candidates[:MOST_IDS])
    more = f" and {len(candidates) - MOST_IDS:,} more" if len(candidates) > MOST_IDS else ""
    kind = KINDS[candidates[0][2]]
    return (
        f"{len(candidates):,} contacts have that {kind}: {shown}{more}. Run the command again with the id of one of "
        "them."
    )


def known_contact(rows: WorkspaceRows, contact_id: str) -> KnownContact:
    """The contact as its table has it."""
    found = rows.tuples(CONTACT, contact=contact_id)
    columns = found[0] if found else (None,) * 7
    return KnownContact(contact_id, bool(found), *columns)
