"""Which fields contacts are sent with, compared with earlier runs: what is new, gone, or of another type.

Contacts become rows here, so that what is not to be kept of them has been looked at and is in no row.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypedDict

import pyarrow as pa

from .contacts import DOCUMENTED_CONTACT_FIELDS, NULL, SentContact, contacts_table
from .privacy import Privacy

SURPRISE = 1e-6
"""A field is missed where so rare a chance would have left it empty in all contacts of a run."""


class KnownFields(TypedDict):
    """Contacts read so far, and in how many of them each field had a value."""

    contacts: int
    filled: dict[str, int]


class Fields:
    """The top-level fields that the contacts of one run have a value in.

    Args:
        known: what earlier runs saw.
        privacy: what of the contacts is not to be kept.
    """

    def __init__(self, known: KnownFields | None, privacy: Privacy) -> None:
        self.privacy = privacy
        self._known = known or {"contacts": 0, "filled": {}}
        self._contacts = 0
        self._filled = Counter[str]()
        self._odd = Counter[str]()

    def table(self, workspace_id: str, contacts: Sequence[SentContact]) -> pa.Table:
        """Contacts as rows that may be written."""
        table = contacts_table(workspace_id, contacts)
        self._note(contacts, table)
        return self.privacy.veiled(table)

    def _note(self, contacts: Sequence[SentContact], table: pa.Table) -> None:
        self._contacts += len(contacts)
        filled = {name: table.num_rows - table[name].null_count for name in table.column_names}
        self._filled.update({name: filled[name] for name in DOCUMENTED_CONTACT_FIELDS & filled.keys() if filled[name]})
        for one in contacts:
            self._filled.update(name for name, value in one.surprises.items() if value != NULL)
            self._odd.update(one.odd)

    def changes(self) -> Iterator[str]:
        """What changed, in sentences that hold names of fields and numbers, no values."""
        for name in sorted(self._filled.keys() - DOCUMENTED_CONTACT_FIELDS - self._known["filled"].keys()):
            yield f"contacts are sent with a new field, {name}: it is {self.privacy.fate(name)}"
        for name in self._missed():
            yield f"contacts have no {name} any more: it is missing or null in all {self._contacts:,} just read"
        for name, count in sorted(self._odd.items()):
            fate = self.privacy.fate(name)
            yield f"{count:,} contacts have another type in {name} than documented: null there, {fate}"

    def known(self) -> KnownFields:
        """What the next run compares with; a field that is missed is told once."""
        before = self._known["filled"] | dict.fromkeys(self._missed(), 0)
        filled = Counter(before)
        filled.update(self._filled)
        return {"contacts": self._known["contacts"] + self._contacts, "filled": dict(filled)}

    def _missed(self) -> list[str]:
        return sorted(name for name in self._known["filled"] if not self._filled[name] and self._is_surprising(name))

    def _is_surprising(self, name: str) -> bool:
        share = self._known["filled"][name] / (self._known["contacts"] + 1)
        return bool((1 - share) ** self._contacts < SURPRISE)
