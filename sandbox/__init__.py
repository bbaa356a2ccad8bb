"""An Intercom workspace on your own machine: the same API over made-up contacts, with a clock you can move."""

from .api import create_app, in_process, serving
from .world import Faults, Workspace, make_odd

__all__ = ["Faults", "Workspace", "create_app", "in_process", "make_odd", "serving"]
