"""Python's garbage collection, which looks again and again through what is built all at once and stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Collects nothing while the block runs; what it leaves is taken for old, and looked through with the old."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            # Frozen and thawed, objects are of the oldest generation, without a pass through the younger ones.
            gc.freeze()
            gc.unfreeze()
            gc.enable()
