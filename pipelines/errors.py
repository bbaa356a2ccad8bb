"""What can end a run early, one class per thing the person in front of it can do about it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended, as cron and Airflow see it."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    REFUSED = 3
    UNAVAILABLE = 4
    BUSY = 5
    INCOMPLETE = 6
    MODELS_FAILED = 7
    INTERRUPTED = 130  # what shells expect after Ctrl+C


class WarehouseError(Exception):
    """Base of what this package raises; the message is one readable paragraph that ends with the next step."""

    exit_code = ExitCode.UNEXPECTED


class Misconfigured(WarehouseError):
    """Configuration or usage has to be mended first: trying again unchanged will not help."""

    exit_code = ExitCode.USAGE


class Busy(WarehouseError):
    """Another process holds the warehouse: try again when it is done."""

    exit_code = ExitCode.BUSY


class ModelsFailed(WarehouseError):
    """Raw tables are loaded, but a model or an error-level check failed: the marts stayed as they were."""

    exit_code = ExitCode.MODELS_FAILED


class Interrupted(WarehouseError):
    """Somebody pressed Ctrl+C."""

    exit_code = ExitCode.INTERRUPTED
