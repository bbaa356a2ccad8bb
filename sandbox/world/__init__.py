"""A simulated workspace: its contacts, its segments, its clock, and what happens in it."""

from .garbage_collection import excluded_from_garbage_collection
from .oddities import add_odd_contacts
from .state import BEARER, NextPageStyle, WorkspaceState
from .versions import VERSIONS, Version
from .workspace import Workspace

__all__ = [
    "BEARER",
    "VERSIONS",
    "NextPageStyle",
    "Version",
    "Workspace",
    "WorkspaceState",
    "add_odd_contacts",
    "excluded_from_garbage_collection",
]
