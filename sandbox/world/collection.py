"""Python's garbage collection, which looks again and again through what is built all at once and stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_from_collection() -> Iterator[None]:
    """What is there when the block ends is never looked through for cycles; without one it still goes when unused.

    Looking through 100,000 contacts takes as long as twenty searches over them. Meant for few things and large ones:
    cycles that are there by then stay for as long as the process does.
    """
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
