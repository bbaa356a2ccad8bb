"""What every run shares: the job, the journal entry, identity checks."""

from .identity import bound_workspace, check_identity, check_purpose
from .job import FIRST_CALL_ATTEMPTS, Job, Say, build_models, introduce, silently, utc_now
from .recording import recorded

__all__ = [
    "FIRST_CALL_ATTEMPTS",
    "Job",
    "Say",
    "bound_workspace",
    "build_models",
    "check_identity",
    "check_purpose",
    "introduce",
    "recorded",
    "silently",
    "utc_now",
]
