"""The system that faults happen to: three Kafka nodes, Postgres, workers and audits, each behind a proxy.

Starts and stops it, and starts again what has died, as `mal up` and every restart policy do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil
from aiokafka.errors import KafkaError

from dev.flows import publish
from dev.parts import Part, mal
from dev.ports import HOST, free_port
from dev.postgres import PostgresServer
from store.migrate import migrate
from streams.admin import create_topics
from streams.consumers import committed_reader
from streams.settings import Settings
from streams.topics import AUDITED_TOPICS
from tests.fault.cluster import Cluster
from tests.fault.control import CONTROL_VARIABLE, Control, died_file, write_control
from tests.fault.proxy import Proxy
from tests.fault.readers import SHARDS, ends_of
from tests.fault.watch import Watch
from tests.fault.workload import Feeder, flows
from tests.support.conditions import until
from tests.support.processes import Process

WORKERS = 3
STATIC_WORKERS = 2
"""So many of the workers have an id of their own."""
DISK_MEGABYTES = 4_096
LOOK_SECONDS = 0.25
CAUGHT_UP_SECONDS = 1_200.0
"""Longer than Postgres is away at the longest."""
ASK_SECONDS = 5.0
POSITIONS = "select topic, partition, next_offset from automation_audit_positions"
PYTHON = ("-m", "tests.fault.worker_main")


class Actor(Process):
    """A worker or an audit, and whether it is to be started again when it ends."""

    def __init__(self, part: Part, folder: Path, environment: Mapping[str, str]) -> None:
        self.control = folder / "run" / f"{part.name}.control"
        self.control.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(part, folder, {**environment, CONTROL_VARIABLE: str(self.control)})
        self.is_wanted = False
        self.is_killed = False
        """A fault has ended it, or may have."""

    def tell(self, control: Control) -> None:
        """Tell a worker of the suite what is to happen to it."""
        died_file(self.control).unlink(missing_ok=True)
        write_control(self.control, control)

    def died_at(self) -> str | None:
        """The point at which it died as it was told; None where it has not."""
        try:
            return died_file(self.control).read_text()
        except FileNotFoundError:
            return None

    @property
    def runs(self) -> bool:
        return self.pid is not None and self.ended_with() is None

    async def up(self) -> None:
        """Start it, and have it started again whenever it ends."""
        self.is_wanted = True
        await self.start_again()

    async def start_again(self) -> None:
        await asyncio.to_thread(self.stop)
        await asyncio.to_thread(self.start)
        self.is_killed = False

    async def down(self) -> None:
        """Ask it to end, and leave it so."""
        self.is_wanted = False
        await asyncio.to_thread(self.stop)

    def go_on(self, pid: int | None) -> None:
        """Let it go on after it was frozen, where it is still that process."""
        if self.pid == pid:
            with suppress(ProcessLookupError):
                self.signal(signal.SIGCONT)

    def resident_bytes(self) -> int:
        """How much memory it holds; 0 where it does not run."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss) if self.runs else 0
        except psutil.NoSuchProcess:
            return 0


class System:
    """Everything, for the length of a run.

    Args:
        folder: of all data and logs.
        postgres_folder: of the database's, which may lie on a disk of its own.
        feeder: puts events in.
        watch: looks on.
    """

    def __init__(self, folder: Path, postgres_folder: Path, cluster: Cluster, feeder: Feeder, watch: Watch) -> None:
        self.folder = folder
        self.disk = postgres_folder
        self.cluster = cluster
        self.feeder = feeder
        self.watch = watch
        self.postgres = PostgresServer(postgres_folder / "postgres", durable=True)
        self.database: Proxy
        """The way of the audits to Postgres."""
        self.workers: list[Actor] = []
        self.audits: list[Actor] = []
        self.unasked_ends = 0
        """How often a part ended that nobody had killed: it gave up, and was started again."""

    @property
    def actors(self) -> list[Actor]:
        return [*self.workers, *self.audits]

    async def start(self, processing: str) -> None:
        """Start Postgres and all parts; Kafka runs already."""
        await asyncio.to_thread(self.postgres.start)
        await asyncio.to_thread(self.postgres.wait_ready)
        await migrate(self.postgres.dsn)
        place = urlsplit(self.postgres.dsn)
        self.database = Proxy(place.port or 0, free_port())
        await self.database.accept()
        proxied = urlunsplit(place._replace(netloc=f"{place.username}:{place.password}@{HOST}:{self.database.port}"))
        environment = {
            **os.environ,
            "MAL_KAFKA_BOOTSTRAP_SERVERS": self.cluster.proxied,
            "MAL_POSTGRES_DSN": proxied,
            "MAL_PROCESSING": processing,
            "MAL_DATA_DIR": str(self.folder),
        }
        self.workers = [self._worker(number, environment) for number in range(WORKERS + 1)]
        self.audits = [Actor(mal(f"audit-{number}", "audit"), self.folder, environment) for number in range(2)]
        for actor in (*self.workers[:WORKERS], self.audits[0]):
            await actor.up()
        for actor in (*self.workers[:WORKERS], self.audits[0]):
            await actor.ready(120)

    def _worker(self, number: int, environment: Mapping[str, str]) -> Actor:
        part = Part(f"worker-{number}", (sys.executable, *PYTHON))
        # Some are static members of the group, some are not.
        own = {"MAL_WORKER_ID": part.name} if number < STATIC_WORKERS else {}
        return Actor(part, self.folder, {**environment, **own})

    async def stop(self) -> None:
        for actor in self.actors:
            actor.is_wanted = False
        await asyncio.gather(*(asyncio.to_thread(actor.stop) for actor in self.actors))
        await asyncio.to_thread(self.postgres.stop)
        await self.database.close()

    async def keep_alive(self) -> None:
        """Start again what has ended, until cancelled."""
        while True:
            for actor in self.actors:
                if actor.is_wanted and actor.pid is not None and actor.ended_with() is not None:
                    self.unasked_ends += not actor.is_killed
                    await actor.start_again()
            await asyncio.sleep(LOOK_SECONDS)

    # ---- what must come about

    async def all_ready(self) -> bool:
        """Say whether every worker that is wanted is at work."""
        return all(worker.is_ready() for worker in self.workers if worker.is_wanted)

    async def audit_caught_up(self, within_seconds: float = CAUGHT_UP_SECONDS) -> float:
        """Wait until Postgres has what the feed and the answers have now; return how long that took, in seconds."""
        started = time.monotonic()
        wanted = await self.ends()

        async def has_written() -> bool:
            try:
                connection = await asyncpg.connect(self.postgres.dsn, timeout=ASK_SECONDS)
            except Exception:  # noqa: BLE001 -- it is killed and started all the time
                return False
            try:
                rows = await connection.fetch(POSITIONS, timeout=ASK_SECONDS)
            except Exception:  # noqa: BLE001 -- as above
                return False
            finally:
                connection.terminate()
            written = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
            if all(written.get(place, 0) >= end for place, end in wanted.items()):
                return True
            await asyncio.sleep(LOOK_SECONDS)
            return False

        await until(has_written, "the audit has written what was there", within_seconds)
        return time.monotonic() - started

    async def ends(self) -> dict[tuple[str, int], int]:
        """The ends of the feed and of the answers."""
        consumer = committed_reader(self.cluster.kafka)
        await consumer.start()
        try:
            found = await ends_of(consumer, AUDITED_TOPICS)
        finally:
            await consumer.stop()
        return {(one.topic, one.partition): end for one, end in found.items()}


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Give a directory on a disk that can be filled (needs root), else None."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=False, capture_output=True)


@asynccontextmanager
async def running_system(
    folder: Path, *, run: str, seed: int, rate: float, is_once: bool = True
) -> AsyncIterator[System]:
    """Start everything, with flows in force and events coming; stop all of it at the end."""
    cluster = Cluster(folder)
    with small_disk(folder) as disk:
        await cluster.start()
        try:
            settings = Settings(kafka_bootstrap_servers=cluster.bootstrap, kafka_partitions=SHARDS)
            await _create(settings)
            for flow in flows():
                await publish(cluster.kafka, [flow])
            async with Feeder(cluster.kafka, run, seed, rate) as feeder:
                watch = Watch(cluster.kafka, feeder, SHARDS, seed)
                system = System(folder, disk or folder, cluster, feeder, watch)
                try:
                    await system.start("exactly_once" if is_once else "at_least_once")
                    yield system
                finally:
                    await system.stop()
        finally:
            await cluster.stop()


async def _create(settings: Settings) -> None:
    """Create the topics; a cluster that has just started may take some seconds until it can."""
    async with asyncio.timeout(60):
        while True:
            try:
                await create_topics(settings)
            except KafkaError:
                await asyncio.sleep(0.5)
            else:
                return
