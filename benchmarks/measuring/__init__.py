"""Runs a sandbox and syncs in processes of their own, and measures them."""

from .bounds import PAGE_SIZE, quota_bound
from .load import SandboxLoad
from .processes import Cost, ScenarioFailed, started
from .replay import replay
from .served import RECORDED_SEARCHES, RECORDING, TOKEN, ServedSandbox, served
from .syncing import SHARE, FinishedSync, finished_sync, loaded_rows, sync, syncing

__all__ = [
    "PAGE_SIZE",
    "RECORDED_SEARCHES",
    "RECORDING",
    "SHARE",
    "TOKEN",
    "Cost",
    "FinishedSync",
    "SandboxLoad",
    "ScenarioFailed",
    "ServedSandbox",
    "finished_sync",
    "loaded_rows",
    "quota_bound",
    "replay",
    "served",
    "started",
    "sync",
    "syncing",
]
