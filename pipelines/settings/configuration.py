"""What is configured: the defaults, the user's `.dlt/`, and the variables that are documented."""

import os
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import Misconfigured

Names = tuple[str, ...]
"""A setting's section and key, such as sources, intercom, region."""
FIXED: Mapping[Names, Any] = {
    ("providers", "enable_airflow_secrets"): False,
    ("providers", "enable_google_secrets"): False,
    ("providers", "enable_aws_secrets"): False,
}
PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
"""How Python's parser ends its messages. They hold names and single characters, and no values."""
TWICE = ("twice", "overwrite", "mutate", "immutable")
TYPOGRAPHIC_QUOTES = frozenset("\u201c\u201d\u201e\u2018\u2019")


class Configuration:
    """All settings.

    Args:
        files: TOML files, which may be missing; a later one wins.
        documented: settings that a variable may set although no file has them.
    """

    def __init__(self, files: Iterable[Path], documented: frozenset[Names]) -> None:
        self.document: dict[str, Any] = {}
        for file in files:
            if file.exists():
                _update(self.document, read_toml(file))
        self._values: dict[Names, Any] = {**dict(_nodes(self.document)), **FIXED}
        self._variables = documented | self._values.keys()

    def value(self, names: Names, workspace: str | None = None) -> Any:
        """The variable's value, else the file's; null where neither has one. A section has those of its settings.

        Args:
            workspace: whose own section is asked, and no other.
        """
        full = (workspace, *names) if workspace else names
        is_documented = self._is_documented(names) or self._is_documented(names[1:])
        value = os.environ.get(variable(full)) if is_documented else None
        if not value:  # CI and Compose set variables without a value
            found = self._values.get(full)
            if isinstance(found, dict):
                return {name: self.value((*names, name), workspace) for name in found}
            return found
        return _listed(value) if isinstance(self._values.get(names), list) else value

    def value_for(self, names: Names, workspace: str | None = None) -> Any:
        """The value of a workspace's own section, else of that of all workspaces."""
        own = self.value(names, workspace) if workspace else None
        return self.value(names) if own is None else own

    def values_of(self, keys: Collection[str]) -> Iterator[str]:
        """All texts that the files or the environment have for these keys, in any section."""
        for names, value in self._values.items():
            if names[-1] in keys:
                yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))
        for name, value in os.environ.items():
            if name.lower().rpartition("__")[2] in keys:
                yield value

    def _is_documented(self, names: Names) -> bool:
        """Whether a variable may set it, also for a workspace with a section of its own."""
        if names in FIXED:
            return False
        return names in self._variables or (names[:1] == ("destination",) and names[2:3] == ("credentials",))


def variable(names: Names) -> str:
    """The environment variable of a setting."""
    return "__".join(names).upper()


def _listed(text: str) -> str | list[str]:
    """A list as names with commas between them. Text in brackets or braces is left to dlt, which reads it as JSON."""
    return text if text.lstrip().startswith(("[", "{")) else [name.strip() for name in text.split(",") if name.strip()]


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file; a byte order mark is skipped.

    Raises:
        Misconfigured: it cannot be read, or is not TOML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}. Make it readable for this user.") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is not UTF-8 text. Save it with that encoding.") from None
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path}{_slip(str(error), text)}") from None


def _slip(message: str, text: str) -> str:
    """Where a slip is, what the parser says, and what to write."""
    place, lines = PLACE.search(message), text.splitlines() or [""]
    at_end = (len(lines), len(lines[-1]) + 1)
    line, column = (int(place[1]), int(place[2])) if place and place[1] else at_end
    correction = _correction(message, "".join(lines[line - 1 : line]))
    return f", line {line}, column {column}: {PLACE.sub('', message)}. {correction}"


def _correction(message: str, line: str) -> str:
    if any(word in message for word in TWICE):
        return "Each section and each setting can be there only once."
    if message.endswith("(at end of document)"):
        return "Close what is open there, for example a quote or a bracket."
    kind = "straight quotes" if TYPOGRAPHIC_QUOTES.intersection(line) else "quotes"
    return f'Text has to stand in {kind}, for example: region = "eu".'


def _update(document: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Adds tables and values; those of `other` win."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            _update(document[key], value)
        else:
            document[key] = value


def _nodes(document: Mapping[str, Any], above: Names = ()) -> Iterator[tuple[Names, Any]]:
    """All tables and values, by their names."""
    for key, value in document.items():
        yield (*above, key), value
        if isinstance(value, dict):
            yield from _nodes(value, (*above, key))
