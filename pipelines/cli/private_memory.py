"""Keeps what the process holds in memory, such as the token and contacts, out of files."""

from contextlib import suppress


def keep_memory_private() -> None:
    """No core dump of this process and its children. That no TLS keys are written is up to the start of the command."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
