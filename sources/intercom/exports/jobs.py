"""The job of an export, as it is kept on disk: a run that is killed at any step leaves it to the next one.

A job is noted before Intercom is asked for it, so that no period is asked for twice, and its file before it is loaded.
Whether it is loaded says the warehouse alone.
"""

import os
from collections.abc import Collection
from pathlib import Path

import msgspec

FOLDER = "exports"
"""Within dlt's working folder."""


class Attribute(msgspec.Struct, frozen=True):
    """A column of a dataset: its id, and other names that Intercom may give it in a file."""

    id: str
    short_id: str | None = None
    name: str | None = None


class Dataset(msgspec.Struct, frozen=True):
    """A dataset with the attributes to export. `dated_by`: the one that holds the time of a row, if there is one."""

    id: str
    attributes: tuple[Attribute, ...]
    dated_by: str | None = None


class Job(msgspec.Struct, frozen=True):
    """An export of what happened between two times, in epoch seconds.

    Args:
        id: Intercom's; null until it has answered. A run that was killed before that leaves it so.
        is_downloaded: its file is complete.
        dataset: what it exports, as it was when the job was made, where there is more than one kind of rows.
    """

    after: int
    before: int
    id: str | None = None
    is_downloaded: bool = False
    dataset: Dataset | None = None


class Kept(msgspec.Struct, frozen=True):
    """What is known of the exports of one resource, or of one dataset.

    Args:
        job: the one that is under way.
        asked_until: the end of the last period that was asked for. No other period ends then.
        longest: the longest period to ask for, in seconds, after a job that failed; null for any.
    """

    job: Job | None = None
    asked_until: int = 0
    longest: int | None = None


class JobStore:
    """One job after another, and the file of each, in a folder. A file that cannot be read counts as none.

    Args:
        name: distinguishes it from other stores in that folder.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / FOLDER
        self._state = self._folder / f"{name}.json"
        self.file = self._folder / f"{name}.csv"
        self.seen = self._folder / f"{name}.seen"

    def read(self) -> Kept:
        """What the runs before have kept."""
        try:
            kept = msgspec.json.decode(self._state.read_bytes(), type=Kept)
        except (FileNotFoundError, msgspec.MsgspecError):
            return Kept()
        if kept.job and kept.job.is_downloaded and not self.file.exists():
            return msgspec.structs.replace(kept, job=msgspec.structs.replace(kept.job, is_downloaded=False))
        return kept

    def keep(self, kept: Kept) -> Kept:
        """Writes the state, which is on the disk once this returns. Without a job its file is deleted."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._state.with_suffix(".next")
        with unfinished.open("wb") as target:
            target.write(msgspec.json.encode(kept))
            target.flush()
            os.fsync(target.fileno())
        unfinished.rename(self._state)
        if kept.job is None:
            self.file.unlink(missing_ok=True)
            self.seen.unlink(missing_ok=True)
        return kept

    @property
    def unfinished(self) -> Path:
        """Where a download is written, until it is complete."""
        return self.file.with_suffix(".part")

    def finish_download(self, kept: Kept, job: Job) -> Kept:
        """Puts the downloaded file in its place."""
        self.unfinished.rename(self.file)
        return self.keep(msgspec.structs.replace(kept, job=msgspec.structs.replace(job, is_downloaded=True)))


def drop_others(folder: Path, prefix: str, names: Collection[str]) -> None:
    """Deletes what is kept under names with the prefix, but for these: their files may hold personal data."""
    for file in (folder / FOLDER).glob(f"{prefix}*"):
        if file.stem not in names:
            file.unlink(missing_ok=True)
