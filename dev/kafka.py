"""A real Apache Kafka, one KRaft node on loopback, as a child of this process. Data outlive it; the port need not."""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dev import guarded, java, ports
from dev.broker_properties import LOGGING, server_properties
from dev.errors import ServiceError
from dev.probe import lists_a_broker
from dev.waiting import wait_until

FORMAT_TIMEOUT_SECONDS = 60.0


def new_cluster_id() -> str:
    """Return an id as Kafka takes it for a new cluster."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")


class KafkaBroker:
    """Apache Kafka over the data in `data_dir`: `start`, `wait_ready`, then `bootstrap` is where clients connect.

    A port is picked at the first start and kept for the life of this object, so clients find it again after a bounce.
    `format_with` is what the first start tells Kafka's storage tool besides, such as users and their passwords, and
    `java_options` what its Java is told besides.
    Nodes of one cluster have one `cluster_id`, and their listeners and voters in `properties` (tests/fault/cluster.py).
    """

    name = "Kafka"

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        heap_megabytes: int = 640,
        properties: Mapping[str, str] | None = None,
        cluster_id: str | None = None,
        format_with: Sequence[str] = (),
        java_options: Sequence[str] = (),
        environ: Mapping[str, str] = os.environ,
        keep_fds: Sequence[int] = (),
    ) -> None:
        self._dir = data_dir.resolve()
        self._given_port = port or 0
        self._port = self._given_port
        self._controller_port = 0
        self._heap_megabytes = heap_megabytes
        self._properties = dict(properties or {})
        self._cluster_id = cluster_id or new_cluster_id()
        self._format_with = format_with
        self._java_options = java_options
        self._environ = environ
        self._keep_fds = keep_fds
        self._running: guarded.Guarded | None = None

    @property
    def bootstrap(self) -> str:
        """Return host:port."""
        return f"{ports.HOST}:{self._port}"

    @property
    def log(self) -> Path:
        """Return where the broker writes its warnings and errors."""
        return self._dir / "kafka.log"

    @property
    def pid(self) -> int | None:
        """Return the pid of the broker's own process, None where none was started."""
        return self._running.pid if self._running else None

    def start(self) -> None:
        """Start the broker and return at once; the first start over a directory formats it (two seconds).

        Raises `ServiceError` where Java or the jars are missing, or the directory can't be formatted.
        """
        data = self._dir / "log"
        data.mkdir(parents=True, exist_ok=True)
        self._port = self._port or ports.free_port()
        if not self._controller_port or ports.in_use(self._controller_port):
            self._controller_port = ports.free_port()
        config = self._dir / "server.properties"
        properties = server_properties(data, self._port, self._controller_port, self._properties)
        config.write_text(properties, encoding="utf-8")
        logging = self._dir / "log4j2.properties"
        logging.write_text(LOGGING, encoding="utf-8")
        run: list[str | Path] = [
            java.java(self._environ),
            f"-Xmx{self._heap_megabytes}m",
            f"-Xms{min(256, self._heap_megabytes)}m",
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={logging}",
            *self._java_options,
            "-cp",
            os.pathsep.join(str(jar) for jar in java.jars(self._environ)),
        ]
        if not (data / "meta.properties").exists():
            self._format(run, config)
        self._running = guarded.start(
            self.name, [*run, "kafka.Kafka", config], log=self.log, grace_seconds=8.0, keep_fds=self._keep_fds
        )

    def wait_ready(self, timeout_seconds: float = 60.0) -> None:
        """Return when the broker answers requests.

        Raises `ServiceError`, with the end of its log, where it ended or is not ready after `timeout_seconds`.
        """
        with ThreadPoolExecutor(1) as apart:  # apart: the caller may be inside an event loop of its own
            wait_until(self.name, lambda: apart.submit(self._answers).result(), self.poll, timeout_seconds, self.log)

    def picks_another_port(self) -> bool:
        """Forget the port that was picked, so that the next start picks another; False where it was given."""
        self._port = self._given_port
        return not self._given_port

    def poll(self) -> int | None:
        """Return the exit code, None while it runs (or was never started)."""
        return self._running.poll() if self._running else None

    def stop(self) -> None:
        """Stop it cleanly: what it acknowledged is there at the next start."""
        if self._running:
            self._running.stop()
            self._running = None

    def kill(self) -> None:
        """Kill it as a crash would."""
        if self._running:
            self._running.kill()
            self._running = None

    def _answers(self) -> bool:
        return ports.accepts(self._port) and lists_a_broker(self.bootstrap)

    def _format(self, run: Sequence[str | Path], config: Path) -> None:
        done = subprocess.run(
            [*run, "kafka.tools.StorageTool", "format", "-t", self._cluster_id, "-c", config, *self._format_with],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=FORMAT_TIMEOUT_SECONDS,
        )
        if done.returncode:
            raise ServiceError(self.name, f"{self._dir} could not be formatted: {done.stderr.strip() or done.stdout}")
