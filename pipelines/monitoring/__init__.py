"""What is reported of runs to those who watch them: metrics and notices."""

from .metrics import Metrics, metrics_of
from .watched import WatchedRun

__all__ = ["Metrics", "WatchedRun", "metrics_of"]
