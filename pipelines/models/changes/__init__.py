"""What has changed since the last build: the loaded tables, and the members that their rows touch."""

from .mark import BUILT_FROM, FILES, WHOLE_AT, Basis, current_basis, read_mark, write_mark
from .rewriting import rewriting, touching_contact, touching_loads
from .touched import (
    KEY,
    KEY_IN_ANY,
    REWRITTEN_MEMBERS,
    TOUCHED,
    drop_rewritten,
    drop_touched,
    find_touched,
    new_loads,
    note_loads,
)

__all__ = [
    "BUILT_FROM",
    "FILES",
    "KEY",
    "KEY_IN_ANY",
    "REWRITTEN_MEMBERS",
    "TOUCHED",
    "WHOLE_AT",
    "Basis",
    "current_basis",
    "drop_rewritten",
    "drop_touched",
    "find_touched",
    "new_loads",
    "note_loads",
    "read_mark",
    "rewriting",
    "touching_contact",
    "touching_loads",
    "write_mark",
]
