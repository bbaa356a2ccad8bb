"""From raw tables to marts: SQL files, builds, checks."""

from .build import Build, build, refresh
from .changes import rewriting, touching_contact, touching_loads
from .checks import Fault, fault_query
from .definitions import Model, Place, list_marts, load_checks, load_marts, load_models
from .published import published_marts

__all__ = [
    "Build",
    "Fault",
    "Model",
    "Place",
    "build",
    "fault_query",
    "list_marts",
    "load_checks",
    "load_marts",
    "load_models",
    "published_marts",
    "refresh",
    "rewriting",
    "touching_contact",
    "touching_loads",
]
