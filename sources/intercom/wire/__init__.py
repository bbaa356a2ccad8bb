"""What is sent over the wire: text, headers, records read field by field, and how this host is connected."""

from .connections import UnusableVariable, is_untrusted, proxy_routes, trusted_certificates
from .flaws import Flaws, flaw_notes
from .headers import date, whole_number
from .records import Id, Total, Whole, lenient
from .shown import did_you_mean, keep_secret, named, plainly, visible, without_secrets
from .text import MOST_LEVELS, clean, duration, shallow

__all__ = [
    "MOST_LEVELS",
    "Flaws",
    "Id",
    "Total",
    "UnusableVariable",
    "Whole",
    "clean",
    "date",
    "did_you_mean",
    "duration",
    "flaw_notes",
    "is_untrusted",
    "keep_secret",
    "lenient",
    "named",
    "plainly",
    "proxy_routes",
    "shallow",
    "trusted_certificates",
    "visible",
    "whole_number",
    "without_secrets",
]
