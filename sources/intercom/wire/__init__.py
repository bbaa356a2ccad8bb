"""What is sent over the wire, as text, and how this host is connected to it."""

from .connections import UnusableVariable, is_untrusted, proxy_routes, trusted_certificates
from .shown import keep_secret, plainly, visible, without_secrets

__all__ = [
    "UnusableVariable",
    "is_untrusted",
    "keep_secret",
    "plainly",
    "proxy_routes",
    "trusted_certificates",
    "visible",
    "without_secrets",
]
