"""The rules of alerts, as the configuration has them.

A rule is a table: `when` names what it watches, the other keys say how much of it is too much, and in which segments.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..errors import Misconfigured

CHANGES = ("changed", "grew", "shrank")
SINCE = ("run", "day")
KEYS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(CHANGES, ("percent", "members", "since", "segments")),
    "empty": ("segments",),
    "stale": ("hours", "segments"),
    "incomplete": ("segments",),
    "fields_changed": (),
}
"""What a rule may have beside `when`."""
NEXT_STEP = "docs/monitoring.md describes the rules."


@dataclass(frozen=True)
class Rule:
    """One rule.

    Args:
        when: a key of `KEYS`.
        segments: ids, or names in any case; all segments if empty.
        percent, members: a change has to be greater; with both, greater than both.
        since: whether sizes are compared with those after the previous sync, or at the end of the previous day.
        hours: the greatest age of a complete scan.
    """

    when: str
    segments: tuple[str, ...] = ()
    percent: float | None = None
    members: int | None = None
    since: str = "run"
    hours: float | None = None


def rules_of(found: Any) -> tuple[Rule, ...]:
    """The rules that the setting holds.

    Raises:
        Misconfigured: one cannot be used; the message says which, and why.
    """
    if isinstance(found, Mapping):
        raise Misconfigured(f"[alerts.rules] has to be a list. Write two brackets: [[alerts.rules]]. {NEXT_STEP}")
    if not isinstance(found, list):
        raise Misconfigured(f"The setting rules of [alerts] has to be a list of tables. {NEXT_STEP}")
    return tuple(_rule(number, entry) for number, entry in enumerate(found, start=1))


def _rule(number: int, entry: Any) -> Rule:
    if not isinstance(entry, Mapping):
        raise Misconfigured(f"Alert rule {number} is not a table. Write it below [[alerts.rules]]. {NEXT_STEP}")
    for problem in _problems(entry):
        raise Misconfigured(f"Alert rule {number} {problem} {NEXT_STEP}")
    return Rule(**{**entry, "segments": tuple(entry.get("segments", ()))})


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    when = entry.get("when")
    if "when" not in entry:
        yield f"does not say when it fires. Set when to one of {', '.join(KEYS)}."
    elif not isinstance(when, str) or when not in KEYS:
        yield f"has {when!r} as when. Use one of {', '.join(KEYS)}.{_nearest(when, KEYS)}"
    else:
        yield from _problems_of_keys(when, entry)
        yield from _problems_of_values(entry)
        if when in CHANGES and not {"percent", "members"} & entry.keys():
            yield f"({when}) has neither percent nor members. Set how great a change has to be."
        if when == "stale" and "hours" not in entry:
            yield "(stale) has no hours. Set how old the last complete scan of a segment may be."


def _problems_of_keys(when: str, entry: Mapping[str, Any]) -> Iterator[str]:
    for key in entry.keys() - {"when", *KEYS[when]}:
        takes = f"takes {', '.join(KEYS[when])}" if KEYS[when] else "takes nothing else"
        yield f"({when}) has {key!r}, but {takes}.{_nearest(key, KEYS[when])}"


VALUES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "percent": (lambda value: _is_number(value) and 0 <= value < float("inf"), "a number, 0 or more"),
    "members": (lambda value: _is_number(value) and isinstance(value, int) and value >= 0, "a whole number, 0 or more"),
    "hours": (lambda value: _is_number(value) and 0 < value < float("inf"), "a number greater than 0"),
    "since": (lambda value: value in SINCE, f"one of {', '.join(SINCE)}"),
    "segments": (lambda value: bool(_are_names(value)), 'a list of names or ids, such as ["Active"]'),
}


def _problems_of_values(entry: Mapping[str, Any]) -> Iterator[str]:
    for key, value in entry.items():
        is_good, kind = VALUES.get(key, (None, ""))
        if is_good and not is_good(value):
            near = _nearest(value, SINCE) if key == "since" else ""
            yield f"({entry['when']}) has {value!r} as {key}, which has to be {kind}.{near}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) and name.strip() for name in value)


def _nearest(name: Any, known: Any) -> str:
    near = get_close_matches(str(name), list(known), 1)
    return f" Did you mean {near[0]}?" if near else ""
