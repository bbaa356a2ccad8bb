"""A simulated Intercom workspace: the same API over generated contacts, with a clock that can be moved."""

from .api import create_app, in_process, serving
from .faults import Faults
from .world import Workspace, add_odd_contacts

__all__ = ["Faults", "Workspace", "add_odd_contacts", "create_app", "in_process", "serving"]
