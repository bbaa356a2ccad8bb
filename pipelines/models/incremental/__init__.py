"""What a sync builds again: the marks of what was built from, and the members that later loads touch."""

from .mark import BUILT_FROM, FILES, Mark, current_mark, read_mark, write_mark
from .restricted import restricted
from .touched import BUILT_LOADS, KEY, TOUCHED, can_find_touched, drop_touched, find_touched, note_loads

__all__ = [
    "BUILT_FROM",
    "BUILT_LOADS",
    "FILES",
    "KEY",
    "TOUCHED",
    "Mark",
    "can_find_touched",
    "current_mark",
    "drop_touched",
    "find_touched",
    "note_loads",
    "read_mark",
    "restricted",
    "write_mark",
]
