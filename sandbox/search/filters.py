"""The query language of contact search: what may be asked, and whether a contact answers to it."""

from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from ..people import Contact
from ..segments import CHOICE, Comparison
from .errors import ApiError
from .fields import field_named, invalid_field, text
from .timestamps import Dates

MOST_FILTERS = 15
MOST_LEVELS = 2

# Timestamps by which contacts are kept in order: a sync asks by them.
ORDERED = ("created_at", "updated_at")

Members = Callable[[str], Set[str]]
Between = Callable[[str, float, float], Collection[str]]


class Filter(Protocol):
    """Part of a query."""

    def matches(self, contact: Contact) -> bool:
        """Whether the contact answers to it."""

    def candidates(self) -> Collection[str] | None:
        """Ids outside of which nobody can answer to it; None if it could be anybody."""

    def is_exact(self) -> bool:
        """Whether all candidates answer to it, so that none of them has to be asked."""


@dataclass(frozen=True)
class Terms:
    """What the words of a query stand for: who is in the segments it names, and what its timestamps match.

    `between` answers the ids of the contacts with a timestamp (one of ORDERED) from a second up to another one.
    `refused` are words that stand for nothing: a field (`segment_id`), or a field with an operator (`id IN`).
    """

    members: Members
    dates: Dates
    between: Between
    refused: Set[str] = frozenset()


def parse(query: object, terms: Terms) -> Filter:
    """A query from its JSON, in those terms. Raises ApiError."""
    return _parse(query, terms, MOST_LEVELS)


def segment_ids(query: object) -> frozenset[str]:
    """The segments that a query names, however deep; nonsense names none, and is left for `parse` to refuse."""
    if not isinstance(query, dict):
        return frozenset()
    value = query.get("value")
    values = value if isinstance(value, list) else [value]
    if query.get("field") == "segment_id":
        return frozenset(value for value in values if isinstance(value, str))
    return frozenset().union(*map(segment_ids, values))


@dataclass(frozen=True)
class Compare:
    """One filter over an attribute."""

    read: Callable[[Contact], Any]
    holds: Comparison
    wanted: Any
    nearby: Callable[[], Collection[str]] | None = None

    def matches(self, contact: Contact) -> bool:
        """Whether the attribute compares as wanted."""
        return self.holds(self.read(contact), self.wanted)

    def candidates(self) -> Collection[str] | None:
        """Anybody, except where the attribute is one that contacts are kept in order by."""
        return self.nearby() if self.nearby else None

    def is_exact(self) -> bool:
        """Where there are candidates: they are found by the same seconds."""
        return self.nearby is not None


@dataclass(frozen=True)
class OneOf:
    """One filter that comes down to a set of contacts: their ids, or the members of segments."""

    ids: Set[str]
    negated: bool

    def matches(self, contact: Contact) -> bool:
        """Whether the contact is one of them, or is none of them if negated."""
        return (contact.id in self.ids) != self.negated

    def candidates(self) -> Set[str] | None:
        """The set itself."""
        return None if self.negated else self.ids

    def is_exact(self) -> bool:
        """Unless negated."""
        return not self.negated


@dataclass(frozen=True)
class Both:
    """An AND group."""

    parts: tuple[Filter, ...]

    def matches(self, contact: Contact) -> bool:
        """Whether every part matches."""
        return all(part.matches(contact) for part in self.parts)

    def candidates(self) -> Collection[str] | None:
        """Those of the part that has the fewest."""
        known = [ids for part in self.parts if (ids := part.candidates()) is not None]
        return min(known, key=len, default=None)

    def is_exact(self) -> bool:
        """Each part has its own candidates."""
        return len(self.parts) == 1 and self.parts[0].is_exact()


@dataclass(frozen=True)
class Either:
    """An OR group."""

    parts: tuple[Filter, ...]

    def matches(self, contact: Contact) -> bool:
        """Whether one of the parts matches."""
        return any(part.matches(contact) for part in self.parts)

    def candidates(self) -> Collection[str] | None:
        """Those of all parts, if every part can name its own."""
        known = [ids for part in self.parts if (ids := part.candidates()) is not None]
        return set().union(*known) if len(known) == len(self.parts) else None

    def is_exact(self) -> bool:
        """If every part is."""
        return all(part.is_exact() for part in self.parts)


GROUPS: Mapping[str, type[Both] | type[Either]] = {"AND": Both, "OR": Either}


def _parse(query: object, terms: Terms, levels: int) -> Filter:
    if not isinstance(query, dict) or not isinstance(query.get("operator"), str):
        raise ApiError(400, "client_error", "A query is a filter, or AND or OR over a list of filters")
    if query["operator"] in GROUPS and "field" not in query:
        return _group(query, terms, levels)
    return _filter(query.get("field"), query["operator"], query.get("value"), terms)


def _group(query: dict[str, Any], terms: Terms, levels: int) -> Filter:
    parts = query.get("value")
    if levels == 0:
        raise ApiError(400, "client_error", f"Queries may be nested {MOST_LEVELS} levels deep")
    if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_FILTERS:
        raise ApiError(400, "client_error", f"A group has from 1 to {MOST_FILTERS} filters")
    return GROUPS[query["operator"]](tuple(_parse(part, terms, levels - 1) for part in parts))


def _filter(name: object, sign: str, value: object, terms: Terms) -> Filter:
    if not isinstance(name, str):
        raise ApiError(400, "client_error", "A filter has a field, an operator and a value")
    _refuse(name, sign, terms.refused)
    if name == "segment_id":
        return OneOf(_members_of_any(terms.members, _chosen(name, sign, value)), sign in ("!=", "NIN"))
    if name == "id" and sign in CHOICE:
        return OneOf(_chosen(name, sign, value), sign in ("!=", "NIN"))
    field = field_named(name, terms.dates)
    if sign not in field.operators:
        raise _invalid_operator(name, sign)
    wanted = _wanted(name, sign, value, field.typed)
    span = terms.dates.span(sign, wanted) if name in ORDERED and wanted is not None else None
    return Compare(field.read, field.operators[sign], wanted, span and partial(terms.between, name, *span))


def _refuse(name: str, sign: str, refused: Set[str]) -> None:
    if name in refused:
        raise invalid_field(name)
    if f"{name} {sign}" in refused:
        raise _invalid_operator(name, sign)


def _members_of_any(members: Members, segments: frozenset[str]) -> Set[str]:
    # One segment's members are not copied: most searches of a sync name one.
    sets = [members(segment_id) for segment_id in segments]
    return sets[0] if len(sets) == 1 else set().union(*sets)


def _chosen(name: str, sign: str, value: object) -> frozenset[str]:
    """The ids that a filter names, one or many."""
    if sign not in CHOICE:
        raise _invalid_operator(name, sign)
    wanted = _wanted(name, sign, value, text)
    return wanted if isinstance(wanted, frozenset) else frozenset([wanted])


def _wanted(name: str, sign: str, value: object, typed: Callable[[Any], Any]) -> Any:
    """The value that a filter compares with, in the type of its field; a frozenset for IN and NIN."""
    try:
        if sign in ("IN", "NIN"):
            return frozenset(typed(item) for item in _filled_list(value))
        if value is None and sign in ("=", "!="):
            return None
        return typed(value)
    except (TypeError, ValueError):
        raise ApiError(400, "parameter_invalid", f"The value of {name} {sign} is not of its type") from None


def _filled_list(value: object) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise TypeError
    return value


def _invalid_operator(name: str, sign: str) -> ApiError:
    return ApiError(400, "parameter_invalid", f"{sign} is not a valid operator for {name}")
