"""The command line."""

from .process import main

__all__ = ["main"]
