"""Finds misspelled settings: dlt ignores a name that it does not know."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from sources.intercom.wire import did_you_mean

from ..errors import Misconfigured
from .configuration import variable

ALIKE = 0.8
"""How alike a section's name has to be to a known one to count as a misspelling: other sections are not ours."""


def check_names(
    document: Mapping[str, Any], fields: Mapping[str, Iterable[str]], optional: Collection[str] = ()
) -> None:
    """Compares sections, keys and variables with the known ones.

    Args:
        fields: the keys of each section.
        optional: variables of sections in which dlt knows more settings: there only a misspelling is an error.

    Raises:
        Misconfigured: one is unknown; the message names the nearest known one.
    """
    for problem in (*_in_files(document, fields, optional), *_in_variables(fields, optional)):
        raise Misconfigured(f"{problem} docs/settings.md lists all settings.")


def _in_files(
    document: Mapping[str, Any], fields: Mapping[str, Iterable[str]], optional: Collection[str]
) -> Iterator[str]:
    for section, found in _sections(document):
        known = next((known for known in fields if section == known or section.endswith(f".{known}")), None)
        if known:
            for key in found.keys() - set(fields[known]):
                if not isinstance(found[key], dict):
                    yield f"[{section}] in .dlt/ has no setting {key}.{_meant(key, known, fields)}"
        elif near := get_close_matches(section, fields, 1, ALIKE):
            yield f"There is no section [{section}] in .dlt/. Did you mean [{near[0]}]?"
        else:
            yield from _misspelt(section, found, optional)


def _meant(key: str, section: str, fields: Mapping[str, Iterable[str]]) -> str:
    """The section that has such a setting, or the nearest name in this one."""
    other = next((f" It belongs in [{other}]." for other, keys in fields.items() if key in keys), "")
    return other or did_you_mean(key, fields[section])


def outside_of_sections(document: Mapping[str, Any], key: str) -> bool:
    """Whether a file has the key where nothing reads it: above all sections, in [sources] or in [intercom]."""
    places = (document, *(document.get(part) for part in ("sources", "intercom")))
    return any(isinstance(place, dict) and key in place for place in places)


def _misspelt(section: str, keys: Iterable[str], optional: Collection[str]) -> Iterator[str]:
    for key in keys:
        name = variable((*section.split("."), key))
        if not _is_optional(name, optional) and (near := _alike(name, optional)):
            yield f"[{section}] in .dlt/ has no setting {key}. Did you mean {near[0].rpartition('__')[2].lower()}?"


def _is_optional(name: str, optional: Collection[str]) -> bool:
    """Whether a variable is one of these, or sets a part of one."""
    return any(name == known or name.startswith(f"{known}__") for known in optional)


def _in_variables(fields: Mapping[str, Iterable[str]], optional: Collection[str]) -> Iterator[str]:
    known = {variable((*section.split("."), field)) for section, keys in fields.items() for field in keys}
    prefixes = [variable((*section.split("."), "")) for section in fields]
    for name in os.environ:
        own = next((name[name.index(prefix) :] for prefix in prefixes if _starts(name, prefix)), None)
        if own and own not in known:
            yield f"The variable {name} sets nothing.{did_you_mean(own.upper(), known)}"
        elif not own and not _is_optional(name, optional) and (near := _alike(name.upper(), known.union(optional))):
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
