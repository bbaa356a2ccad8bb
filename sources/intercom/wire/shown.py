"""Text from outside, for people: names, error messages and ids of calls are data, and may hold anything.

Names in tables stay as they are.
"""

import re

MOST_CHARACTERS = 200
CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Characters that end a line, move a terminal's cursor, turn the direction of text, are invisible or are no text."""
BEARER = re.compile(r"bearer\s+\S+", re.IGNORECASE)
ADDRESS = re.compile(r"[^\s@<>()\[\]{},;:'\"=]+@[^\s@<>()\[\]{},;:'\"=]+")
NUMBER = re.compile(r"(?<![\w.])\+?\d(?:[\s().\-/]{0,2}\d){6,}(?![\w])")
"""Seven digits or more, as phone numbers are written."""

_SECRETS = set[str]()


def keep_secret(secret: str) -> None:
    """From now on, no text that this process shows holds this secret."""
    if secret:
        _SECRETS.add(secret)


def visible(text: str) -> str:
    """The text on one line, with each control or format character as its escape, such as \\x1b or \\u202e."""
    return CONTROL.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else f"\\u{ord(found[0]):04x}", text
    )


def without_secrets(text: str) -> str:
    """The text without tokens and keys, and without anything shaped like a mail address."""
    text = BEARER.sub("(a secret)", text)
    for secret in sorted(_SECRETS, key=len, reverse=True):
        text = text.replace(secret, "(a secret)").replace(repr(secret)[1:-1], "(a secret)")
    return ADDRESS.sub("(an address)", text)


def plainly(text: str) -> str:
    """What another program has said, for a message of ours: visible, short, and without personal data."""
    plain = visible(NUMBER.sub("(a number)", without_secrets(text)))
    return plain if len(plain) <= MOST_CHARACTERS else f"{plain[: MOST_CHARACTERS - 1]}…"
