"""Text that JSON allows and databases do not: NUL, half surrogate pairs, bytes that are not UTF-8, deep nesting."""

import re
from collections.abc import Iterator
from datetime import timedelta

MOST_LEVELS = 200
"""Levels of nesting that are kept where a body nests too deeply to be decoded."""
NAMED_LEVELS = 3
"""Levels whose field names say where a value is: in a list of records, those of the record."""

LONGEST_PLACE = 80

_UNPRINTABLE = re.compile(r"[^\w. -]")
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(u0000|u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",  # NUL or half a pair; any other escape
    re.DOTALL,
)
_TOKEN = re.compile(rb'("(?:[^"\\]|\\.)*")(\s*:)?|[\[{]|[\]}]|-?\b(?:NaN|Infinity)\b', re.DOTALL)


UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
A_CENTURY = timedelta(days=36_525)


def duration(text: str) -> timedelta | None:
    """A number and a unit: seconds, minutes, hours, days or weeks; at most a century. Null for any other text."""
    match = re.fullmatch(r"(\d{1,8})([smhdw])", text.strip())
    length = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else None
    return length if length is not None and length <= A_CENTURY else None


def clean(body: bytes) -> bytes:
    """The same JSON, with U+FFFD for NUL, for half surrogate pairs and for bytes that are not UTF-8."""
    if _SUSPECT.search(body):
        body = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)
    return body if body.isascii() or _is_utf8(body) else body.decode(errors="replace").encode()


def _is_utf8(body: bytes) -> bool:
    """Arrow checks a page in a twentieth of the time of Python, which makes a text of it."""
    import pyarrow as pa  # late: its import takes longer than a command that prints its help

    try:
        pa.array([body], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def shallow(body: bytes) -> tuple[bytes, list[str]]:
    """The same JSON with null for values nested too deeply and for NaN and infinities, and the fields they are in."""
    parts, fields, end = [], [], 0
    for start, stop, field in _unfit(body):
        parts += [body[end:start], b"null"]
        fields.append(field)
        end = stop
    return b"".join([*parts, body[end:]]), fields


def _unfit(body: bytes) -> Iterator[tuple[int, int, str]]:
    """Start, end and field of each value that has to go. It does not recurse: nesting may be of any depth."""
    depth, start, names = 0, 0, [""] * (NAMED_LEVELS + 1)
    for token in _TOKEN.finditer(body):
        first = token[0][:1]
        if token[2] and depth <= NAMED_LEVELS:
            names[depth:] = [token[1][1:-1].decode(errors="replace"), *[""] * (NAMED_LEVELS - depth)]
        elif first in b"[{":
            depth += 1
            start = token.start() if depth == MOST_LEVELS + 1 else start
        elif first in b"]}":
            depth -= 1
            if depth == MOST_LEVELS:
                yield start, token.end(), _place(names)
        elif first != b'"' and depth <= MOST_LEVELS:
            yield token.start(), token.end(), _place(names)


def _place(names: list[str]) -> str:
    return _UNPRINTABLE.sub("?", ".".join(name for name in names if name))[:LONGEST_PLACE]
