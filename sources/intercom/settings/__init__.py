"""What can be configured about Intercom."""

from typing import TYPE_CHECKING, Any

from .values import SettingValues

if TYPE_CHECKING:
    from .settings import IntercomSettings

__all__ = ["IntercomSettings", "SettingValues"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Imports the settings when they are first asked for: all that a run is given comes with them."""
        if name != "IntercomSettings":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .settings import IntercomSettings

        return IntercomSettings
