"""What dlt's working folder holds, read as files: dlt takes most of a second to import, and a file may be corrupt."""

from pathlib import Path
from typing import Any

import msgspec

IS_LOADED = "package_completed.json"
"""The file that dlt writes into a package whose jobs are done."""


def state_in(folder: Path) -> dict[str, Any]:
    """The source's state in a pipeline's working folder; empty if that is missing or cannot be read."""
    try:
        state = msgspec.json.decode((folder / "state.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    sources = state.get("sources")
    found = sources.get("intercom") if isinstance(sources, dict) else None
    return found if isinstance(found, dict) else {}


def pending_folders(working_folder: Path) -> list[Path]:
    """The folders of the packages that are not loaded, the oldest first."""
    packages = {folder.name: folder for stage in (extracted, normalized) for folder in stage(working_folder)}
    return [packages[load_id] for load_id in sorted(packages) if not is_loaded(packages[load_id])]


def extracted(working_folder: Path) -> list[Path]:
    """The folders of extracted packages, the oldest first."""
    return subfolders(working_folder / "normalize" / "extracted")


def normalized(working_folder: Path) -> list[Path]:
    """The folders of normalized packages, the oldest first."""
    return subfolders(working_folder / "load" / "normalized")


def subfolders(parent: Path) -> list[Path]:
    """The folders in a folder, by name; none where it does not exist."""
    return sorted(folder for folder in parent.iterdir() if folder.is_dir()) if parent.is_dir() else []


def is_loaded(package: Path) -> bool:
    """Whether all jobs of a package are done, even if dlt has not put it away."""
    return (package / IS_LOADED).exists()
