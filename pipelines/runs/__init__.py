"""What every run shares: the job, the journal entry, identity checks."""

from .bodies import remove_bodies
from .identity import bound_workspace, check_identity, check_purpose
from .job import IntercomJob, Job, Say, build_models, refresh_models, silently
from .loss import check_database_is_there
from .published import PublishedWorkspace, published_workspace

__all__ = [
    "IntercomJob",
    "Job",
    "PublishedWorkspace",
    "Say",
    "bound_workspace",
    "build_models",
    "check_database_is_there",
    "check_identity",
    "check_purpose",
    "published_workspace",
    "refresh_models",
    "remove_bodies",
    "silently",
]
