"""A Spark cluster of this machine: a master and two workers on loopback, each a process of its own."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyspark
import pytest

HOME = Path(pyspark.__file__).parent
SETTINGS = """
spark.driver.memory 700m
spark.executor.memory 700m
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.sql.shuffle.partitions 2
spark.scheduler.maxRegisteredResourcesWaitingTime 60s
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.executor.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
"""
"""The compiler's first stage alone: these processes end before the second one pays."""
LONGEST_SECONDS = 1200


def until(holds: Callable[[], object], what: str) -> None:
    """Returns when it holds. Fails after minutes, for a process that will never do it."""
    gives_up = time.monotonic() + LONGEST_SECONDS
    while not holds():
        if time.monotonic() > gives_up:
            pytest.fail(f"{what}: not after {LONGEST_SECONDS} s")
        time.sleep(0.1)


@dataclass
class Cluster:
    """Its processes, by name: master, 1 and 2."""

    folder: Path
    address: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """For everything that is Spark's. Nothing listens on another address than loopback."""
        return {
            "PATH": os.environ["PATH"],
            "SPARK_HOME": str(HOME),
            "SPARK_CONF_DIR": str(self.folder),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "256m",
        }

    def start(self) -> None:
        (self.folder / "spark-defaults.conf").write_text(SETTINGS)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self.address = f"spark://127.0.0.1:{port}"
        self._start("master", "Master", "--port", port)
        for name in ("1", "2"):
            work = ("--work-dir", str(self.folder / f"work-{name}"))
            self._start(name, "Worker", "--cores", "1", "--memory", "1g", *work, self.address)
        until(lambda: all(map(self._is_registered, ("1", "2"))), "two workers register")

    def executors(self) -> set[str]:
        """The workers that have run an executor."""
        return {path.parts[-4] for path in self.folder.glob("work-*/app-*/*/stderr")}

    def kill(self, name: str) -> None:
        """With its executors: a machine is lost."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for name in tuple(self.processes):
            self.kill(name)

    def _start(self, name: str, kind: str, *arguments: str) -> None:
        daemon = f"org.apache.spark.deploy.{kind.lower()}.{kind}"
        command = [str(HOME / "bin" / "spark-class"), daemon, "--host", "127.0.0.1", "--webui-port", "0", *arguments]
        with self._log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, env=self.environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )

    def _is_registered(self, name: str) -> bool:
        return "Successfully registered" in self._log(name).read_text()

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


@contextmanager
def started(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
