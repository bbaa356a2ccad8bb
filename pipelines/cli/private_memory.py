"""Keeps what the process holds in memory, such as the token and contacts, out of files."""

import os
from contextlib import suppress


def keep_memory_private() -> None:
    """No core dump of this process and its children, and no file of TLS keys, which any library would write."""
    os.environ.pop("SSLKEYLOGFILE", None)
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
