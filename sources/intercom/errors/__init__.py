"""What goes wrong between the client and Intercom."""

from .errors import IntercomError, OutOfBounds, QueryRefused, Refused, SetupError, TryAgain, Unavailable

__all__ = [
    "IntercomError",
    "OutOfBounds",
    "QueryRefused",
    "Refused",
    "SetupError",
    "TryAgain",
    "Unavailable",
]
