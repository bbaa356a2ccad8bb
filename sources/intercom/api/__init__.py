"""Every HTTP call to Intercom: endpoints, retries, quota, versions, answers, errors."""

from .answers import (
    UNKNOWN,
    UNREADABLE,
    Activities,
    Activity,
    App,
    ContactId,
    ContactStamp,
    Cursor,
    DataAttribute,
    DatedContact,
    Page,
    Pages,
    RemovedContact,
    Segment,
)
from .bounds import Bounds
from .client import JSON, PATIENT, Retries, Usage
from .concurrency import SharedClient, do_nothing, each, gathered
from .endpoints import (
    BASE_URLS,
    PAGE_SIZE,
    ContactMemberships,
    ContactStatus,
    Intercom,
    is_unfollowed,
    next_page,
    page_calls,
)
from .errors import IntercomError, QueryRefused, Refused, SetupError, Unavailable
from .rate_limit import WINDOW_SECONDS, Pacer
from .responses import absence_codes
from .versions import Version, has, is_too_old, version

__all__ = [
    "BASE_URLS",
    "JSON",
    "PAGE_SIZE",
    "PATIENT",
    "UNKNOWN",
    "UNREADABLE",
    "WINDOW_SECONDS",
    "Activities",
    "Activity",
    "App",
    "Bounds",
    "ContactId",
    "ContactMemberships",
    "ContactStamp",
    "ContactStatus",
    "Cursor",
    "DataAttribute",
    "DatedContact",
    "Intercom",
    "IntercomError",
    "Pacer",
    "Page",
    "Pages",
    "QueryRefused",
    "Refused",
    "RemovedContact",
    "Retries",
    "Segment",
    "SetupError",
    "SharedClient",
    "Unavailable",
    "Usage",
    "Version",
    "absence_codes",
    "do_nothing",
    "each",
    "gathered",
    "has",
    "is_too_old",
    "is_unfollowed",
    "next_page",
    "page_calls",
    "version",
]
