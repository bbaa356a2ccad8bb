"""A segment: what Intercom shows of it, and the rule that Intercom does not show."""

from dataclasses import dataclass

from ..people import Json
from .rules import Rule


@dataclass(frozen=True)
class Segment:
    """One version of a segment's definition; timestamps are epoch seconds.

    `person_type` is only what Intercom reports ("user", or "contact" for leads). The rule alone decides who is in.
    """

    id: str
    name: str
    person_type: str
    created_at: int
    updated_at: int
    rule: Rule

    def json(self) -> Json:
        """The object in the API's answer, without a count."""
        return {
            "type": "segment",
            "id": self.id,
            "name": self.name,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "person_type": self.person_type,
        }
