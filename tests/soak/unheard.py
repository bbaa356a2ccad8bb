"""Errors that no code catches: Python prints their tracebacks, and the program goes on."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Listener(logging.Handler):
    """Collects what asyncio, threads and finalizers report, a sentence each."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Notes all messages but one: a run that fails closes generators that still wait."""
        message = record.getMessage()
        if "closing of asynchronous generator" not in message:
            self.heard.append(f"asyncio reports: {message}")

    def hook(self, reported: Any) -> None:
        """Takes the place of `sys.unraisablehook` and of `threading.excepthook`."""
        source = getattr(reported, "object", None) or getattr(reported, "thread", None)
        self.heard.append(f"an error in {source!r} was not caught: {reported.exc_type.__name__}: {reported.exc_value}")


@contextmanager
def listening() -> Iterator[Listener]:
    """Listens during the block."""
    listener, hooks = Listener(), (sys.unraisablehook, threading.excepthook)
    logging.getLogger("asyncio").addHandler(listener)
    sys.unraisablehook = threading.excepthook = listener.hook
    try:
        yield listener
    finally:
        sys.unraisablehook, threading.excepthook = hooks
        logging.getLogger("asyncio").removeHandler(listener)
