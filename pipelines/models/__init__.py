"""From raw tables to marts: SQL files, builds, checks."""

from .build import Build, build, refresh
from .checks import Fault
from .files import load_checks
from .published import published_marts

__all__ = ["Build", "Fault", "build", "load_checks", "published_marts", "refresh"]
