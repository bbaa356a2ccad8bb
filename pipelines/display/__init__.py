"""What people see, and JSON lines for programs."""

from pipelines.display import json_lines, results, terminal

from .demo import show_demo, track_days
from .reporter import Reporter
from .status import show_status

__all__ = ["Reporter", "json_lines", "results", "show_demo", "show_status", "terminal", "track_days"]
