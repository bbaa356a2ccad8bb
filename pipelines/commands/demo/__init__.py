"""`demo`: a sandbox synced day by day. A package of its own, since only this command imports the sandbox."""

from .demo import demo

__all__ = ["demo"]
