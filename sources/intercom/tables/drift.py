"""Which fields contacts are sent with, compared with earlier runs: new, missing, or of another type.

Contacts become rows here: all their fields are counted before the privacy rules remove some.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from .attributes import ATTRIBUTE_VALUES, tracked_values
from .contacts import DOCUMENTED_CONTACT_FIELDS, NULL, SentContact, contacts_table
from .embedded import asked_for
from .privacy import Privacy

IN_EXTRA = frozenset(("sms_consent", "unsubscribed_from_sms"))
"""Fields that Intercom sends for each contact and does not document. They have no column."""
SURPRISE = 1e-6
"""A field is missing if the chance that all contacts of a run lack it by accident is below this."""


class KnownFields(TypedDict):
    """Contacts read so far, and in how many of them each field had a value."""

    contacts: int
    filled: dict[str, int]


class Fields:
    """The top-level fields in which contacts of one run have a value.

    Args:
        known: what earlier runs saw.
        privacy: applied to the rows.
        tracked: attributes whose values are kept for `take_values`.
    """

    def __init__(self, known: KnownFields | None, privacy: Privacy, tracked: Iterable[str] = ()) -> None:
        self.privacy = privacy
        self._tracked = tuple(tracked)
        self._values: list[pa.Table] = []
        self._known = known or {"contacts": 0, "filled": {}}
        self._contacts = 0
        self._filled = Counter[str]()
        self._odd = Counter[str]()
        self._odd_since: int | None = None
        self.more_of = defaultdict[str, set[str]](set)
        """Contacts of which a list has to be asked for, by the column that holds its beginning."""

    def table(self, workspace_id: str, contacts: Sequence[SentContact]) -> pa.Table:
        """Contacts as rows, with the privacy rules applied. Counts their fields."""
        table = contacts_table(workspace_id, contacts)
        self._count(contacts, table)
        rows = self.privacy.redacted(table)
        for column, ids in asked_for(rows):
            self.more_of[column].update(ids)
        if self._tracked:
            self._values.append(tracked_values(self._tracked, contacts, rows))
        return rows

    def take_values(self) -> pa.Table:
        """The tracked values since the last call. Those of a field that no contact has any more are left out."""
        values, self._values = pa.concat_tables([ATTRIBUTE_VALUES.empty_table(), *self._values]), []
        missing = self._missing()
        unknown = [name for name in self._tracked if name.partition(".")[0] in missing]
        return values.filter(pc.invert(pc.is_in(values["attribute"], pa.array(unknown, pa.string()))))

    def _count(self, contacts: Sequence[SentContact], table: pa.Table) -> None:
        self._contacts += len(contacts)
        filled = {name: table.num_rows - table[name].null_count for name in table.column_names}
        self._filled.update({name: filled[name] for name in DOCUMENTED_CONTACT_FIELDS & filled.keys() if filled[name]})
        for one in contacts:
            self._filled.update(name for name, value in one.surprises.items() if value != NULL)
            self._odd.update(one.odd)
            if one.odd:
                updated_at = one.contact.updated_at or 0
                self._odd_since = updated_at if self._odd_since is None else min(self._odd_since, updated_at)

    @property
    def odd(self) -> frozenset[str]:
        """The fields that have another type than documented in some contact."""
        return frozenset(self._odd)

    def read_again_from(self, odd_before: Collection[str]) -> int | None:
        """The earliest `updated_at` of a contact that is to be read again: one that has an odd field.

        Null where the run before found the same fields odd: they were read again, and that is how Intercom sends them.
        """
        return None if self.odd <= frozenset(odd_before) else self._odd_since

    def changes(self) -> Iterator[str]:
        """What changed, in sentences with names of fields and numbers, and no values."""
        seen = DOCUMENTED_CONTACT_FIELDS | IN_EXTRA | self._known["filled"].keys()
        for name in sorted(self._filled.keys() - seen if self._known["contacts"] else ()):
            yield f"contacts are sent with a new field, {name}: it is {self.privacy.treatment(name)}"
        for name in self._missing():
            yield f"contacts have no {name} any more: it is missing or null in all {self._contacts:,} just read"
        for name, count in sorted(self._odd.items()):
            treatment = self.privacy.treatment(name)
            yield f"{count:,} contacts have another type in {name} than documented: null there, {treatment}"

    def known(self) -> KnownFields:
        """What the next run compares with. Missing fields are reset, so that they are reported once."""
        before = self._known["filled"] | dict.fromkeys(self._missing(), 0)
        filled = Counter(before)
        filled.update(self._filled)
        return {"contacts": self._known["contacts"] + self._contacts, "filled": dict(filled)}

    def _missing(self) -> list[str]:
        return sorted(name for name in self._known["filled"] if not self._filled[name] and self._is_surprising(name))

    def _is_surprising(self, name: str) -> bool:
        share = self._known["filled"][name] / (self._known["contacts"] + 1)
        return bool((1 - share) ** self._contacts < SURPRISE)
