"""A session of Spark: its address and settings, how it starts, and when its workers count as lost."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Misconfigured, Unreachable, first_line
from .engine import StatementFailed

if TYPE_CHECKING:  # installed with the extra `spark` alone
    from pyspark.sql import SparkSession

LOCAL = re.compile(r"local(\[(\d+|\*)\])?")
CLUSTER = re.compile(r"spark://[^\s/]+:\d+")
SETTINGS = {
    "spark.app.name": "intercom-warehouse",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # others take its default for times without zone
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.ui.enabled": "false",  # it would listen on all addresses
    "spark.ui.showConsoleProgress": "false",
}
"""Memory, cores and all else are set in Spark's own files (SPARK_CONF_DIR)."""
ON_LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
WAIT_FOR_WORKERS, AT_MOST = "spark.scheduler.maxRegisteredResourcesWaitingTime", "120s"
"""Spark's setting for how long the first job waits for workers. Here it holds for every job: Spark waits forever."""
POLL_SECONDS = 2.0
IN_A_STATEMENT = ("AnalysisException", "ParseException")
"""Errors whose messages name columns and functions. Those of other errors may quote values."""


class Session:
    """A running session. `log` is the file with Spark's own messages."""

    def __init__(self, spark: "SparkSession", address: str, log: Path) -> None:
        self.spark, self._address, self._log = spark, address, log
        self.has_no_workers = threading.Event()

    def collect(self, statement: str) -> list[Any]:
        """Runs a statement.

        Raises:
            StatementFailed: Spark refuses it.
            Unreachable: the driver's process, the cluster or all of its workers are lost.
        """
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            rows: list[Any] = self.spark.sql(statement).collect()
        except (OSError, Py4JError, PySparkException) as error:
            if self.has_no_workers.is_set():
                raise _unreachable(f"No worker of {self._address} was left.", self._log) from error
            if not self.is_alive:
                raise _unreachable(f"Spark at {self._address} ended during the build.", self._log) from error
            raise StatementFailed(_plain(error, self._log)) from error
        return rows

    @property
    def is_alive(self) -> bool:
        """Whether the driver's process answers, and the cluster has not ended the application."""
        try:
            return not self.spark.sparkContext._jsc.sc().isStopped()
        except Exception:  # noqa: BLE001  # py4j raises errors of many kinds, all of which mean that it does not answer
            return False

    @property
    def has_workers(self) -> bool:
        """Whether an executor is registered, which PySpark has no method for. The driver is one of them."""
        return bool(self.spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() > 1)

    @property
    def patience(self) -> float:
        """Seconds."""
        return float(self.spark.sparkContext._jsc.sc().conf().getTimeAsSeconds(WAIT_FOR_WORKERS, AT_MOST))


@contextmanager
def connected(address: str, log: Path, files: Path) -> Iterator[Session]:
    """A session that ends with the block. Spark's own messages go to `log`, its local files below `files`.

    Raises:
        Misconfigured: the address is not one of Spark's, or PySpark or Java is missing.
        Unreachable: the cluster does not answer.
    """
    if not (LOCAL.fullmatch(address) or CLUSTER.fullmatch(address)):
        raise Misconfigured(
            "--engine is not an address of Spark. Use spark://HOST:PORT for a cluster, or local[*] for this computer."
        )
    session = Session(_started(address, log, files), address, log)
    try:
        if LOCAL.fullmatch(address):
            yield session
        else:
            with _watched(session):
                yield session
    finally:
        if session.is_alive:
            session.spark.stop()


def _started(address: str, log: Path, files: Path) -> "SparkSession":
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise Misconfigured(
            "PySpark is not installed. Install it with: pip install 'intercom-warehouse[spark]'."
        ) from None
    settings = {**SETTINGS, "spark.sql.warehouse.dir": str(files), **(ON_LOOPBACK if LOCAL.fullmatch(address) else {})}
    try:
        with _messages_in(log):
            started: SparkSession = SparkSession.builder.config(map=settings).master(address).getOrCreate()
    except (OSError, Py4JError, PySparkException) as error:
        if isinstance(error, PySparkException) and error.getCondition() == "JAVA_GATEWAY_EXITED":
            raise Misconfigured(
                f"Java did not start. Spark needs Java 17 or newer: install it, or set JAVA_HOME. {log} says more."
            ) from error
        raise _unreachable(f"Spark at {address} does not answer.", log) from error
    return started


@contextmanager
def _messages_in(log: Path) -> Iterator[None]:
    """A process that starts in the block writes its messages into the file, for as long as it runs."""
    kept = os.dup(2)
    try:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _watched(session: Session) -> Iterator[None]:
    """Cancels what runs once the cluster has had no worker for too long: Spark itself would wait for one forever."""
    has_ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(session, session.patience, has_ended), daemon=True)
    watch.start()
    try:
        yield
    finally:
        has_ended.set()
        watch.join()


def _watch(session: Session, patience: float, has_ended: threading.Event) -> None:
    from py4j.protocol import Py4JError

    without = 0.0
    with suppress(OSError, Py4JError):  # the driver has ended, which the statement that it runs reports
        while not has_ended.wait(POLL_SECONDS):
            without = 0.0 if session.has_workers else without + POLL_SECONDS
            if without >= patience:
                session.has_no_workers.set()
                session.spark.sparkContext.cancelAllJobs()


def _unreachable(problem: str, log: Path) -> Unreachable:
    return Unreachable(
        f"{problem} The marts stayed as they were. Run the command again when it is back; {log} says more."
    )


def _plain(error: Exception, log: Path) -> str:
    """The error without values of rows: those are in Spark's own messages alone."""
    if type(error).__name__ in IN_A_STATEMENT:
        return first_line(error)
    condition = error.getCondition() if hasattr(error, "getCondition") else None
    return f"Spark reports {condition or type(error).__name__}, and {log} says more."
