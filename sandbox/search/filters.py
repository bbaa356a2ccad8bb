"""The query language of contact search: parses queries and evaluates them for contacts."""

from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from ..people import Contact
from ..segments import CHOICE, Comparison
from .errors import ApiError
from .fields import field_named, invalid_field, text
from .timestamps import TimestampOperators

MOST_FILTERS = 15
MOST_LEVELS = 2

# Contacts are kept sorted by these timestamps, because a sync searches by them.
SORTED_TIMESTAMPS = ("created_at", "updated_at")

Members = Callable[[str], Set[str]]
Between = Callable[[str, float, float], Collection[str]]


class Filter(Protocol):
    """A query, or a part of one."""

    def matches(self, contact: Contact) -> bool: ...

    def candidates(self) -> Collection[str] | None:
        """Ids outside of which no contact matches; None if any contact may match."""

    def is_exact(self) -> bool:
        """Whether all candidates match, so that none needs to be evaluated."""


@dataclass(frozen=True)
class QueryContext:
    """What a query is evaluated against.

    Attributes:
        members: returns the ids of the contacts in a segment.
        operators: the operators for timestamps.
        between: returns the ids of the contacts with one of SORTED_TIMESTAMPS in a span of seconds.
        refused: fields (`segment_id`), and fields with an operator (`id IN`), that search refuses.
    """

    members: Members
    operators: TimestampOperators
    between: Between
    refused: Set[str] = frozenset()


def parse(query: object, context: QueryContext) -> Filter:
    """A query from its JSON.

    Raises:
        ApiError: Intercom would refuse the query.
    """
    return _parse(query, context, MOST_LEVELS)


def segment_ids(query: object) -> frozenset[str]:
    """The ids of the segments that a query names at any level. Ignores invalid parts, which `parse` refuses."""
    if not isinstance(query, dict):
        return frozenset()
    value = query.get("value")
    values = value if isinstance(value, list) else [value]
    if query.get("field") == "segment_id":
        return frozenset(value for value in values if isinstance(value, str))
    return frozenset().union(*map(segment_ids, values))


@dataclass(frozen=True)
class AttributeFilter:
    """Compares an attribute with a value. `sorted_ids` finds the matches of a sorted timestamp at once."""

    read: Callable[[Contact], Any]
    holds: Comparison
    wanted: Any
    sorted_ids: Callable[[], Collection[str]] | None = None

    def matches(self, contact: Contact) -> bool:
        return self.holds(self.read(contact), self.wanted)

    def candidates(self) -> Collection[str] | None:
        return self.sorted_ids() if self.sorted_ids else None

    def is_exact(self) -> bool:
        return self.sorted_ids is not None


@dataclass(frozen=True)
class IdFilter:
    """Matches a set of contacts, given by id or as the members of segments, or all contacts outside of it."""

    ids: Set[str]
    negated: bool

    def matches(self, contact: Contact) -> bool:
        return (contact.id in self.ids) != self.negated

    def candidates(self) -> Set[str] | None:
        return None if self.negated else self.ids

    def is_exact(self) -> bool:
        return not self.negated


@dataclass(frozen=True)
class Group:
    parts: tuple[Filter, ...]

    def known_candidates(self) -> list[Collection[str]]:
        """The candidates of the parts that have some."""
        return [ids for part in self.parts if (ids := part.candidates()) is not None]


@dataclass(frozen=True)
class AllOf(Group):
    """An AND group."""

    def matches(self, contact: Contact) -> bool:
        return all(part.matches(contact) for part in self.parts)

    def candidates(self) -> Collection[str] | None:
        return min(self.known_candidates(), key=len, default=None)

    def is_exact(self) -> bool:
        return len(self.parts) == 1 and self.parts[0].is_exact()


@dataclass(frozen=True)
class AnyOf(Group):
    """An OR group."""

    def matches(self, contact: Contact) -> bool:
        return any(part.matches(contact) for part in self.parts)

    def candidates(self) -> Collection[str] | None:
        known = self.known_candidates()
        return set().union(*known) if len(known) == len(self.parts) else None

    def is_exact(self) -> bool:
        return all(part.is_exact() for part in self.parts)


GROUPS: Mapping[str, type[AllOf] | type[AnyOf]] = {"AND": AllOf, "OR": AnyOf}


def _parse(query: object, context: QueryContext, levels: int) -> Filter:
    if not isinstance(query, dict) or not isinstance(query.get("operator"), str):
        raise ApiError(400, "client_error", "A query is a filter, or AND or OR over a list of filters")
    if query["operator"] in GROUPS and "field" not in query:
        return _group(query, context, levels)
    return _filter(query.get("field"), query["operator"], query.get("value"), context)


def _group(query: dict[str, Any], context: QueryContext, levels: int) -> Filter:
    parts = query.get("value")
    if levels == 0:
        raise ApiError(400, "client_error", f"Queries may be nested {MOST_LEVELS} levels deep")
    if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_FILTERS:
        raise ApiError(400, "client_error", f"A group has from 1 to {MOST_FILTERS} filters")
    return GROUPS[query["operator"]](tuple(_parse(part, context, levels - 1) for part in parts))


def _filter(name: object, sign: str, value: object, context: QueryContext) -> Filter:
    if not isinstance(name, str):
        raise ApiError(400, "client_error", "A filter has a field, an operator and a value")
    _refuse(name, sign, context.refused)
    if name == "segment_id":
        return IdFilter(_members_of_any(context.members, _named_ids(name, sign, value)), sign in ("!=", "NIN"))
    if name == "id" and sign in CHOICE:
        return IdFilter(_named_ids(name, sign, value), sign in ("!=", "NIN"))
    field = field_named(name, context.operators)
    if sign not in field.operators:
        raise _invalid_operator(name, sign)
    wanted = _wanted(name, sign, value, field.typed)
    span = context.operators.span(sign, wanted) if name in SORTED_TIMESTAMPS and wanted is not None else None
    return AttributeFilter(field.read, field.operators[sign], wanted, span and partial(context.between, name, *span))


def _refuse(name: str, sign: str, refused: Set[str]) -> None:
    if name in refused:
        raise invalid_field(name)
    if f"{name} {sign}" in refused:
        raise _invalid_operator(name, sign)


def _members_of_any(members: Members, segments: frozenset[str]) -> Set[str]:
    # The members of a single segment are not copied: most searches of a sync name one.
    sets = [members(segment_id) for segment_id in segments]
    return sets[0] if len(sets) == 1 else set().union(*sets)


def _named_ids(name: str, sign: str, value: object) -> frozenset[str]:
    """The ids that a filter names: one, or several with IN and NIN."""
    if sign not in CHOICE:
        raise _invalid_operator(name, sign)
    wanted = _wanted(name, sign, value, text)
    return wanted if isinstance(wanted, frozenset) else frozenset([wanted])


def _wanted(name: str, sign: str, value: object, typed: Callable[[Any], Any]) -> Any:
    """The filter's value in the type of its field; a frozenset for IN and NIN."""
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
