"""An Intercom workspace on your own machine: the same API over made-up contacts, with a clock you can move."""

from sandbox.app import create_app
from sandbox.faults import Faults
from sandbox.oddities import make_odd
from sandbox.server import in_process, serving
from sandbox.workspace import Workspace

__all__ = ["Faults", "Workspace", "create_app", "in_process", "make_odd", "serving"]
