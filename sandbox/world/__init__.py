"""A workspace that lives: its clock, its faults, and what happens to its contacts."""

from .collection import kept_from_collection
from .faults import AnswerFault, Dropped, Faults, Following, LineFault
from .oddities import make_odd
from .versions import VERSIONS, Version
from .workspace import BEARER, Workspace

__all__ = [
    "BEARER",
    "VERSIONS",
    "AnswerFault",
    "Dropped",
    "Faults",
    "Following",
    "LineFault",
    "Version",
    "Workspace",
    "kept_from_collection",
    "make_odd",
]
