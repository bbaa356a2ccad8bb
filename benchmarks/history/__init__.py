"""Builds from a generated history of any size, and syncs of a workspace day after day."""

from .builds import SIZES, BuildCost, measure_build
from .daily import ChangeBuild, measure_changes
from .days import DayCost, measured_days, typical

__all__ = [
    "SIZES",
    "BuildCost",
    "ChangeBuild",
    "DayCost",
    "measure_build",
    "measure_changes",
    "measured_days",
    "typical",
]
