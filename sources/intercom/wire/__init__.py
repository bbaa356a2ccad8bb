"""What is sent over the wire, as text."""

from .shown import keep_secret, plainly, visible, without_secrets

__all__ = ["keep_secret", "plainly", "visible", "without_secrets"]
