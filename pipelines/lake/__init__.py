"""The lake: raw tables and marts as Parquet files, and engines that build the one from the other."""

from .build import BUILDING, build_marts
from .engine import Engine, StatementFailed
from .raw import raw_tables, write_parquet, write_raw
from .run_folders import RunFolders
from .spark import Spark, spark_at

__all__ = [
    "BUILDING",
    "Engine",
    "RunFolders",
    "Spark",
    "StatementFailed",
    "build_marts",
    "raw_tables",
    "spark_at",
    "write_parquet",
    "write_raw",
]
