"""Text from outside, for people: names, error messages and ids of calls are data.

Names in tables stay as they are.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

MOST_CHARACTERS = 200
CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""Characters that end a line, move a terminal's cursor, turn the direction of text, are invisible or are no text."""
BEARER = re.compile(r"(?:bearer|basic)\s+\S+", re.IGNORECASE)
HEADER = re.compile(r"(illegal header value )b?(['\"]).*\2", re.IGNORECASE)
"""How a library quotes a token with a blank or a line break in it: earlier releases kept that in the journal."""
ADDRESS = re.compile(
    r"(?:\"[^\"]*\"|[^\s@\uff20<>()\[\]{},;:'\"=]+)(?:@|\uff20|%40)[^\s@<>()\[\]{},;:'\"=]+\.[^\W\d]\w+", re.IGNORECASE
)
"""With a dot in its domain: `postgresql://user:password@host` is advice."""
NUMBER = re.compile(r"(?<![\w.])\+?\d(?:[\s().\-/]{0,2}\d){6,}(?![\w])")
"""Seven digits or more, as phone numbers are written."""

SHORTEST_SECRET = 8
"""A shorter text is no access token. To remove it everywhere would make messages unreadable."""

_SECRETS = set[str]()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question after the sentence that a name is unknown; empty if no known name is like it."""
    near = get_close_matches(name, list(known), 1)
    return f" Did you mean {near[0]}?" if near else ""


def keep_secret(secret: str) -> None:
    """From now on, no text that this process shows holds this secret."""
    if len(secret) >= SHORTEST_SECRET:
        _SECRETS.add(secret)


def visible(text: str) -> str:
    """The text on one line, with each control or format character as its escape, such as \\x1b or \\u202e."""
    return CONTROL.sub(lambda found: _escaped(ord(found[0])), text)


def without_secrets(text: str) -> str:
    """The text without tokens and keys, and without anything shaped like a mail address."""
    text = BEARER.sub("(a secret)", HEADER.sub(r"\1(a secret)", text))
    for secret in sorted(_SECRETS, key=len, reverse=True):
        text = text.replace(secret, "(a secret)").replace(repr(secret)[1:-1], "(a secret)")
    return ADDRESS.sub("(an address)", text)


def plainly(text: str) -> str:
    """What another program has said, for a message of ours: visible, short, and without personal data."""
    return _short(visible(NUMBER.sub("(a number)", without_secrets(text))))


def named(text: str) -> str:
    """A name of a segment, a contact or a workspace: visible, short, without secrets and mail addresses."""
    return _short(visible(without_secrets(text)))


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
