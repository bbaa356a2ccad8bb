"""From raw tables to marts: SQL files, builds, checks."""

from .build import Build, build, refresh
from .checks import Fault, fault_query
from .definitions import Model, list_marts, load_checks, load_marts, load_models
from .published import published_marts

__all__ = [
    "Build",
    "Fault",
    "Model",
    "build",
    "fault_query",
    "list_marts",
    "load_checks",
    "load_marts",
    "load_models",
    "published_marts",
    "refresh",
]
