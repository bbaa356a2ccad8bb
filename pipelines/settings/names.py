"""Finds misspelled settings: dlt ignores a name that it does not know."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ..errors import Misconfigured
from .configuration import variable

ALIKE = 0.8
"""How alike a section's name has to be to a known one to count as a misspelling: other sections are not ours."""


def check_names(document: Mapping[str, Any], fields: Mapping[str, Iterable[str]]) -> None:
    """Compares sections, keys and variables with the known ones.

    Args:
        fields: the keys of each section.

    Raises:
        Misconfigured: one is unknown; the message names the nearest known one.
    """
    for problem in (*_in_files(document, fields), *_in_variables(fields)):
        raise Misconfigured(f"{problem} docs/settings.md lists all settings.")


def _in_files(document: Mapping[str, Any], fields: Mapping[str, Iterable[str]]) -> Iterator[str]:
    for section, found in _sections(document):
        known = next((known for known in fields if section == known or section.endswith(f".{known}")), None)
        if known:
            for key in found.keys() - set(fields[known]):
                if not isinstance(found[key], dict):
                    yield f"[{section}] in .dlt/ has no setting {key}.{_nearest(key, fields[known])}"
        elif near := get_close_matches(section, fields, 1, ALIKE):
            yield f"There is no section [{section}] in .dlt/. Did you mean [{near[0]}]?"


def _in_variables(fields: Mapping[str, Iterable[str]]) -> Iterator[str]:
    known = {variable((*section.split("."), field)) for section, keys in fields.items() for field in keys}
    prefixes = [variable((*section.split("."), "")) for section in fields]
    for name in os.environ:
        own = next((name[name.index(prefix) :] for prefix in prefixes if _starts(name, prefix)), None)
        if own and own not in known:
            yield f"The variable {name} sets nothing.{_nearest(own.upper(), known)}"
        elif not own and (near := _alike(name.upper(), known)):
            yield f"The variable {name} sets nothing. Did you mean {near[0]}?"


def _alike(name: str, known: Collection[str]) -> list[str]:
    """The setting that a variable is nearly called, with or without the name of a workspace before it."""
    ends = (name, name.partition("__")[2])
    return next((near for end in ends if "_" in end and (near := get_close_matches(end, known, 1, 0.9))), [])


def _starts(name: str, prefix: str) -> bool:
    """Whether a variable is in a section, perhaps in that of a workspace: ACME__SOURCES__INTERCOM__REGION.

    A prefix of one name is at the start: `SNOWFLAKE__WAREHOUSE__NAME` belongs to another program.
    """
    return name.startswith(prefix) or (prefix.count("__") > 1 and f"__{prefix}" in name)


def _sections(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, value in document.items():
        if isinstance(value, dict):
            section = f"{above}{name}"
            yield section, value
            yield from _sections(value, f"{section}.")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), 1)
    return f" Did you mean {near[0]}?" if near else ""
