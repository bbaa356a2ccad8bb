"""The dlt source for Intercom: segments, contacts, and which contact is in which segment."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .source import intercom

__all__ = ["intercom"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Imports the source when it is first asked for: dlt takes most of a second, which few commands need."""
        if name != "intercom":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .source import intercom

        return intercom
