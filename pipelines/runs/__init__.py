"""What every run shares: the job, the journal entry, identity checks."""

from .identity import bound_workspace, check_clock, check_identity, check_purpose, check_region
from .job import FIRST_CALL_ATTEMPTS, Job, Say, build_models, connection, introduce, silently, utc_now
from .recording import recorded

__all__ = [
    "FIRST_CALL_ATTEMPTS",
    "Job",
    "Say",
    "bound_workspace",
    "build_models",
    "check_clock",
    "check_identity",
    "check_purpose",
    "check_region",
    "connection",
    "introduce",
    "recorded",
    "silently",
    "utc_now",
]
