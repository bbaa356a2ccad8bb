"""Builds of all marts from a generated history of any size."""

from .builds import SIZES, BuildCost, measure_build

__all__ = ["SIZES", "BuildCost", "measure_build"]
