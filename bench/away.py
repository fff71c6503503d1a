"""What ten minutes without Postgres do: to the workers' memory, to the time from an event to its command, to the audit.

One worker and one audit under a steady load of events that all match. Postgres is killed, not stopped, and started
again after a while; the same time is measured before and after it, in the same run, as the measure. At the end every
event must have its one command, and its one execution in Postgres.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import orjson
import psutil
from aiokafka import AIOKafkaProducer, TopicPartition

from bench.ingest import SINK, SOURCE, Case, broker, events, reader, renew
from bench.rolling import at_work
from dev.parts import PartProcess, mal, run_to_end
from dev.postgres import PostgresServer
from dev.services import serving
from store.pool import Pool, create_pool
from store.reconcile import audit_positions, count_executions
from streams.settings import Settings
from streams.topics import EXECUTIONS

PARTITIONS = 8
CONTACTS = 5_000
WARM_UP_SECONDS = 60.0
LOOK_SECONDS = 1.0
END_SECONDS = 120.0


@dataclass
class Run:
    """What is seen of a run, by the seconds of `time.perf_counter`."""

    name: str
    sent: list[float] = field(default_factory=list)
    """When each event was sent, by its number."""
    came: dict[int, float] = field(default_factory=dict)
    """When the command of an event came, by its number."""
    twice: int = 0
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Moments and megabytes, by process."""

    async def load(self, bootstrap: str, rate: float) -> None:
        """Send events at a steady rate, per second, until cancelled."""
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            started = time.perf_counter()
            for number, (key, value) in enumerate(events(Case(10_000_000, 100, CONTACTS), self.name)):
                await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
                self.sent.append(time.perf_counter())
                # Shielded: a number that is counted as sent is sent, also when this is cancelled.
                await asyncio.shield(producer.send(SOURCE, value, key=key))

    async def follow(self, bootstrap: str) -> None:
        """Read commands until cancelled."""
        async with reader(bootstrap, SINK) as consumer:
            while True:
                batches = await consumer.getmany(timeout_ms=20)
                now = time.perf_counter()
                for record in (record for records in batches.values() for record in records):
                    number = int(orjson.loads(record.value)["cause"]["eventId"].rpartition("-")[2])
                    self.twice += number in self.came
                    self.came.setdefault(number, now)

    async def weigh(self, parts: list[PartProcess]) -> None:
        """Note the memory of processes until cancelled."""
        while True:
            for part in parts:
                if part.pid is not None and psutil.pid_exists(part.pid):
                    megabytes = psutil.Process(part.pid).memory_info().rss / 2**20
                    self.memory.setdefault(part.name, []).append((time.perf_counter(), megabytes))
            await asyncio.sleep(LOOK_SECONDS)

    def row(self, what: str, first: float, last: float) -> str:
        """Write what was seen between two moments as a row of the table."""
        late = sorted(
            (self.came[number] - at) * 1_000
            for number, at in enumerate(self.sent)
            if first <= at < last and number in self.came
        )
        figures = [late[len(late) * share // 1_000] for share in (500, 900, 990)] + [late[-1]]
        memory = [
            statistics.median(megabytes for at, megabytes in self.memory[name] if first <= at < last)
            for name in ("worker", "audit")
        ]
        return f"| {what} | {' | '.join(f'{one:.0f}' for one in (*figures, *memory))} |"


def parts_of(bootstrap: str, dsn: str, folder: Path) -> list[PartProcess]:
    """A worker and an audit, over tables that are made here."""
    environment = {
        **os.environ, "MAL_KAFKA_BOOTSTRAP_SERVERS": bootstrap, "MAL_POSTGRES_DSN": dsn, "MAL_DATA_DIR": str(folder),
    }  # fmt: skip
    run_to_end(mal("migrate", "db", "migrate"), folder, environment)
    return [PartProcess(mal(name, name), folder, environment) for name in ("worker", "audit")]


async def ends_of_feed(bootstrap: str) -> Mapping[tuple[str, int], int]:
    """Where the feed ends now, by topic and partition."""
    async with reader(bootstrap, EXECUTIONS) as consumer:
        ends = await consumer.end_offsets([TopicPartition(EXECUTIONS, number) for number in range(PARTITIONS)])
    return {(one.topic, one.partition): end for one, end in ends.items()}


async def written(pool: Pool, ends: Mapping[tuple[str, int], int]) -> None:
    """Wait until the audit has come to these ends."""
    # The end of a partition may be the marker of a transaction, which is no record: one less has them all.
    while True:
        positions = await audit_positions(pool)
        if all(positions.get(place, 0) >= end - 1 for place, end in ends.items()):
            return
        await asyncio.sleep(0.1)


async def measure(bootstrap: str, rate: float, seconds: float) -> None:
    """Run it and print the table."""
    await renew(Settings(kafka_bootstrap_servers=bootstrap, kafka_partitions=PARTITIONS), bootstrap)
    run = Run(uuid4().hex[:8])
    with tempfile.TemporaryDirectory() as place, serving(PostgresServer(Path(place) / "postgres")) as postgres:
        async with at_work(parts_of(bootstrap, postgres.dsn, Path(place))) as parts:
            loading = asyncio.create_task(run.load(bootstrap, rate))
            watching = [asyncio.create_task(run.follow(bootstrap)), asyncio.create_task(run.weigh(parts))]
            for line in await _away(run, postgres, bootstrap, seconds):
                print(line, flush=True)
            await _ended(loading)
            async with asyncio.timeout(END_SECONDS):
                while len(run.came) < len(run.sent):  # noqa: ASYNC110 -- bounded; a reader does not tell
                    await asyncio.sleep(0.1)
            await _check(run, postgres, bootstrap)
            for task in watching:
                await _ended(task)


async def _away(run: Run, postgres: PostgresServer, bootstrap: str, seconds: float) -> list[str]:
    half = seconds / 2
    await asyncio.sleep(WARM_UP_SECONDS)
    there = time.perf_counter()
    await asyncio.sleep(half)
    gone = time.perf_counter()
    await asyncio.to_thread(postgres.kill)
    await asyncio.sleep(seconds)
    postgres.start()
    await asyncio.to_thread(postgres.wait_ready)
    back, ends = time.perf_counter(), await ends_of_feed(bootstrap)
    pool = await create_pool(postgres.dsn)
    try:
        await written(pool, ends)
    finally:
        await pool.close()
    caught_up = time.perf_counter()
    await asyncio.sleep(half)
    end = time.perf_counter()
    return [
        "| Postgres | p50 ms | p90 ms | p99 ms | longest ms | worker MB | audit MB |",
        "|---|---|---|---|---|---|---|",
        run.row("there", there, gone),
        run.row("away, first half", gone, gone + half),
        run.row("away, second half", gone + half, back),
        run.row("back, the audit catches up", back, caught_up),
        run.row("there again", caught_up, end),
        f"\naway for {back - gone:.0f} s; the audit had written all of it {caught_up - back:.1f} s after",
    ]


async def _check(run: Run, postgres: PostgresServer, bootstrap: str) -> None:
    """See that nothing is lost or twice, on Kafka and in Postgres."""
    pool = await create_pool(postgres.dsn)
    try:
        async with asyncio.timeout(END_SECONDS):
            await written(pool, await ends_of_feed(bootstrap))
        executions = sum((await count_executions(pool)).values())
    finally:
        await pool.close()
    print(
        f"{len(run.sent):,} events, {len(run.came):,} commands, {run.twice} twice; "
        f"{executions:,} executions in Postgres"
    )
    if run.twice or not len(run.sent) == len(run.came) == executions:
        raise AssertionError("something was lost, or is there twice")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=float, default=200.0, help="events a second")
    arguments.add_argument("--seconds", type=float, default=600.0, help="how long Postgres is away")
    given = arguments.parse_args()
    print(f"one worker, {PARTITIONS} shards, {given.rate:g} events/s that all match, {CONTACTS:,} contacts\n")
    with broker() as bootstrap:
        asyncio.run(measure(bootstrap, given.rate, given.seconds))


if __name__ == "__main__":
    main()
