"""Builds from a generated history of any size, and syncs of a workspace day after day."""

from .builds import SIZES, BuildCost, measure_build
from .daily import measure_day
from .days import DayCost, measured_days, typical

__all__ = ["SIZES", "BuildCost", "DayCost", "measure_build", "measure_day", "measured_days", "typical"]
