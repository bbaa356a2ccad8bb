"""What the operating system reports becomes an error that says what to do."""

import errno
import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from dlt.destinations.exceptions import DatabaseTransientException

from pipelines.errors import ExitCode, Interrupted, explained

NUMBERS = {
    errno.ENOSPC: (ExitCode.UNAVAILABLE, "No space is left on the disk of"),
    errno.EDQUOT: (ExitCode.UNAVAILABLE, "quota"),
    errno.EROFS: (ExitCode.USAGE, "read-only"),
    errno.EACCES: (ExitCode.USAGE, "may not open"),
    errno.EPERM: (ExitCode.USAGE, "may not open"),
    errno.EIO: (ExitCode.UNAVAILABLE, "input/output error"),
    errno.EMFILE: (ExitCode.USAGE, "Too many files are open for this process"),
    errno.ENFILE: (ExitCode.UNAVAILABLE, "Too many files are open on this computer"),
    errno.EFBIG: (ExitCode.USAGE, "largest size"),
    errno.ELOOP: (ExitCode.USAGE, "symbolic link"),
    errno.ENOMEM: (ExitCode.UNAVAILABLE, "not enough memory"),
}


@pytest.mark.parametrize("number", NUMBERS, ids=errno.errorcode.get)
def test_each_number_of_the_operating_system_has_its_words(tmp_path: Path, number: int) -> None:
    exit_code, words = NUMBERS[number]

    error = explained(OSError(number, os.strerror(number), str(tmp_path / "file")), tmp_path)

    assert error is not None
    assert error.exit_code == exit_code
    assert words in str(error)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        pa.ArrowMemoryError("malloc of size 64 failed"),
        duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block"),
        duckdb.FatalException("Failed to create checkpoint because of error: failed to allocate data of size 16.0 MiB"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_too_little_memory_is_told_wherever_it_was_missed(tmp_path: Path, error: BaseException) -> None:
    wrapped = RuntimeError("a layer around it")
    wrapped.__cause__ = error

    told = explained(wrapped, tmp_path)

    assert told is not None
    assert told.exit_code == ExitCode.UNAVAILABLE
    assert "not enough memory" in str(told)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("Query interrupted")], ids=["Python", "DuckDB"])
def test_ctrl_c_is_known_wherever_it_was_raised(tmp_path: Path, error: BaseException) -> None:
    wrapped = DatabaseTransientException(OSError())
    wrapped.__cause__ = error

    assert isinstance(explained(wrapped, tmp_path), Interrupted)


def test_a_full_disk_is_told_where_duckdb_keeps_it_as_text(tmp_path: Path) -> None:
    error = duckdb.IOException(f'Could not write file "{tmp_path}": No space left on device')

    told = explained(error, tmp_path)

    assert told is not None
    assert told.exit_code == ExitCode.UNAVAILABLE
    assert f"No space is left on the disk of {tmp_path}" in str(told)


def test_a_data_folder_that_was_deleted_is_told(tmp_path: Path) -> None:
    told = explained(FileNotFoundError(errno.ENOENT, "No such file or directory"), tmp_path / "gone")

    assert told is not None
    assert told.exit_code == ExitCode.USAGE
    assert "was deleted or moved" in str(told)


@pytest.mark.parametrize("error", [ValueError("No space left on device"), KeyError("x"), AssertionError()])
def test_a_fault_of_this_program_stays_one(tmp_path: Path, error: Exception) -> None:
    assert explained(error, tmp_path) is None
