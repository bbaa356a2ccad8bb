"""`demo`: a sandbox, synced day by day. It is a package so that no other command imports the sandbox."""

from .demo import demo

__all__ = ["demo"]
