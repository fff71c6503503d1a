"""How long a shard is without commands while two workers are restarted one after the other, under load.

Twice on the same Kafka: with workers that join as new members each time, and with an id for each (MAL_WORKER_ID, static
membership). Beside it, the longest time without a command before the first restart: what the load and Kafka do by
themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from bench.ingest import SINK, SOURCE, Case, broker, events, reader, renew
from dev.parts import PartProcess, mal
from dev.waiting import wait_until
from streams.settings import Settings

PARTITIONS = 8
WORKERS = ("worker-a", "worker-b")
READY_SECONDS = 60.0
CALM_SECONDS = 10.0
SETTLE_SECONDS = 8.0
NOTED_SECONDS = 1.0
"""A shorter time without a command is none to be added up."""


class Gaps(NamedTuple):
    """Times without a command, in seconds."""

    longest: float
    """Of any shard."""
    typical: float
    """Of all shards the middle one's longest."""
    sum: float
    """Of all shards the most that any was without, in times over a second."""


class Watch:
    """When the commands of each partition came, as a read_committed reader sees them."""

    def __init__(self) -> None:
        self._last: dict[int, float] = {}
        self._longest: dict[int, float] = {}
        self._sum: dict[int, float] = {}

    def begin(self) -> None:
        """Measure from now on."""
        now = time.perf_counter()
        self._last = dict.fromkeys(range(PARTITIONS), now)
        self._longest = dict.fromkeys(range(PARTITIONS), 0.0)
        self._sum = dict.fromkeys(range(PARTITIONS), 0.0)

    def end(self) -> Gaps:
        """Return the times without a command since then."""
        for partition in self._last:
            self._note(partition)
        ordered = sorted(self._longest.values())
        return Gaps(ordered[-1], ordered[PARTITIONS // 2], max(self._sum.values()))

    async def follow(self, bootstrap: str) -> None:
        """Read commands until cancelled."""
        async with reader(bootstrap, SINK) as consumer:
            await consumer.seek_to_end()
            while True:
                for partition in await consumer.getmany(timeout_ms=20):
                    self._note(partition.partition)

    def _note(self, partition: int) -> None:
        now = time.perf_counter()
        gap = now - self._last.get(partition, now)
        self._longest[partition] = max(self._longest.get(partition, 0.0), gap)
        self._sum[partition] = self._sum.get(partition, 0.0) + (gap if gap > NOTED_SECONDS else 0.0)
        self._last[partition] = now


async def load(bootstrap: str, rate: float) -> None:
    """Send events that match at a steady rate, per second, until cancelled."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        started = time.perf_counter()
        for number, (key, value) in enumerate(events(Case(10_000_000, 100), f"rolling-{started}")):
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
            await producer.send(SOURCE, value, key=key)


async def ready(worker: PartProcess) -> None:
    """Wait until a worker says that it works."""
    await asyncio.to_thread(wait_until, worker.name, worker.is_ready, worker.poll, READY_SECONDS, worker.log)


@asynccontextmanager
async def at_work(parts: list[PartProcess]) -> AsyncIterator[list[PartProcess]]:
    """Start parts, wait until they work, and stop them at the end."""
    try:
        for part in parts:
            part.start()
        for part in parts:
            await ready(part)
        yield parts
    finally:
        for part in parts:
            part.ask_to_stop()
        for part in parts:
            part.stop()


@asynccontextmanager
async def workers(bootstrap: str, *, with_ids: bool) -> AsyncIterator[list[PartProcess]]:
    """Two workers at work."""
    with tempfile.TemporaryDirectory() as folder:
        common = {**os.environ, "MAL_KAFKA_BOOTSTRAP_SERVERS": bootstrap, "MAL_DATA_DIR": folder}
        parts = [
            PartProcess(mal(name, "worker"), Path(folder), common | ({"MAL_WORKER_ID": name} if with_ids else {}))
            for name in WORKERS
        ]
        async with at_work(parts):
            yield parts


async def roll(bootstrap: str, rate: float, *, with_ids: bool, kill: bool) -> tuple[Gaps, Gaps]:
    """Restart both workers; return the gaps of the time before, and those of the restarts."""
    await renew(Settings(kafka_bootstrap_servers=bootstrap, kafka_partitions=PARTITIONS), bootstrap)
    watch = Watch()
    async with workers(bootstrap, with_ids=with_ids) as running:
        tasks = [asyncio.create_task(load(bootstrap, rate)), asyncio.create_task(watch.follow(bootstrap))]
        try:
            await asyncio.sleep(SETTLE_SECONDS)
            watch.begin()
            await asyncio.sleep(CALM_SECONDS)
            before = watch.end()
            watch.begin()
            for worker in running:
                if kill and worker.pid is not None:
                    os.kill(worker.pid, 9)
                await asyncio.to_thread(worker.stop)
                worker.start()
                await ready(worker)
                await asyncio.sleep(SETTLE_SECONDS)
            return before, watch.end()
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task


async def measure(bootstrap: str, rate: float) -> None:
    """Run each way and print the table."""
    print(f"two workers, {PARTITIONS} shards, {rate:g} events/s that all match; seconds without a command\n")
    print("| restart | members | longest | middle shard | in all, worst shard | before, longest | ratio |")
    print("|---|---|---|---|---|---|---|")
    for kill in (False, True):
        for with_ids in (False, True):
            before, during = await roll(bootstrap, rate, with_ids=with_ids, kill=kill)
            how, who = "kill -9" if kill else "SIGTERM", "an id each" if with_ids else "new each time"
            figures = (during.longest, during.typical, during.sum, before.longest, during.longest / before.longest)
            print(f"| {how} | {who} | {' | '.join(f'{figure:.1f}' for figure in figures)} |", flush=True)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=float, default=400.0)
    given = arguments.parse_args()
    with broker() as bootstrap:
        asyncio.run(measure(bootstrap, given.rate))


if __name__ == "__main__":
    main()
