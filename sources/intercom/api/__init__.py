"""Every HTTP call to Intercom: endpoints, retries, quota, versions, answers, errors."""

from .answers import (
    Activities,
    Activity,
    App,
    ContactId,
    ContactStamp,
    Cursor,
    DatedContact,
    Page,
    RemovedContact,
    Segment,
)
from .client import JSON, PATIENT, Retries, Usage
from .concurrency import SharedClient, do_nothing, each, gathered
from .endpoints import BASE_URLS, PAGE_SIZE, ContactStatus, Intercom, page_calls
from .errors import IntercomError, QueryRefused, Refused, SetupError, Unavailable, Unreadable, unreadable
from .rate_limit import WINDOW_SECONDS, Pacer
from .versions import Version, is_too_old, version

__all__ = [
    "BASE_URLS",
    "JSON",
    "PAGE_SIZE",
    "PATIENT",
    "WINDOW_SECONDS",
    "Activities",
    "Activity",
    "App",
    "ContactId",
    "ContactStamp",
    "ContactStatus",
    "Cursor",
    "DatedContact",
    "Intercom",
    "IntercomError",
    "Pacer",
    "Page",
    "QueryRefused",
    "Refused",
    "RemovedContact",
    "Retries",
    "Segment",
    "SetupError",
    "SharedClient",
    "Unavailable",
    "Unreadable",
    "Usage",
    "Version",
    "do_nothing",
    "each",
    "gathered",
    "is_too_old",
    "page_calls",
    "unreadable",
    "version",
]
