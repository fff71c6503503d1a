"""How long from kill -9 of the only worker to its first new command, by how much state it has to read back.

Each size once as a new member of the group, which waits for the session of the killed one, and once with an id of its
own (MAL_WORKER_ID). Beside it, in the same run: how long plain aiokafka takes to read the same changelogs to their end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from bench.ingest import SINK, SOURCE, broker, offsets_of, reader
from bench.rolling import ready
from dev.flows import publish
from dev.parts import PartProcess, mal
from engine.flow import FlowVersion
from streams.admin import create_topics
from streams.settings import Settings
from streams.topics import TABLES, changelog

RATE = 100.0
LIMIT_SECONDS = 900.0
WAIT, NOW = "campaign_wait", "campaign_now"


def flow(flow_id: str, campaign: str, action: str, config: dict[str, object]) -> FlowVersion:
    """A flow of two nodes, for the opens of a campaign."""
    return FlowVersion.model_validate({
        "flowId": flow_id, "version": 1, "name": flow_id, "userId": "user_bench",
        "nodes": [
            {"id": "opened", "type": "trigger", "subtype": "email_open", "config": {"campaignId": campaign}},
            {"id": "act", "type": "action", "subtype": action, "config": config},
        ],
        "edges": [{"id": "e1", "sourceNodeId": "opened", "targetNodeId": "act"}],
    })  # fmt: skip


FLOWS = (
    flow("waits", WAIT, "delay", {"delaySeconds": 31_536_000}),
    flow("tags", NOW, "tag_contact", {"tag": "opened"}),
)


def opened(contact: int, campaign: str, name: str) -> tuple[bytes, bytes]:
    """An open, as key and value."""
    key = f"contact_{contact:07d}"
    event = {
        "id": name, "type": "email_open", "source": "email_engine", "timestamp": "2026-11-01T10:30:00Z",
        "payload": {"emailId": f"email_{name}", "campaignId": campaign, "contactId": key},
        "metadata": {"userId": "user_bench", "workspaceId": None},
    }  # fmt: skip
    return key.encode(), orjson.dumps(event)


async def send(bootstrap: str, events: Iterator[tuple[bytes, bytes]]) -> None:
    """Put events on their topic as fast as Kafka takes them."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=500_000) as producer:
        for key, value in events:
            await producer.send(SOURCE, value, key=key)
        await producer.flush()


async def applied(bootstrap: str) -> None:
    """Wait until the workers have decided all events that are there."""
    async with reader(bootstrap, SOURCE) as consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                offsets = await offsets_of(admin, "mal")
                if all(part in offsets and offsets[part].offset >= end for part, end in ends.items() if end):
                    return
                await asyncio.sleep(0.2)
    finally:
        await admin.close()


async def steady(bootstrap: str) -> None:
    """Send opens that lead to a command each, until cancelled."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        started, number = time.perf_counter(), 0
        while True:
            await asyncio.sleep(max(0.0, started + number / RATE - time.perf_counter()))
            key, value = opened(number % 1_000, NOW, f"now-{started}-{number}")
            await producer.send(SOURCE, value, key=key)
            number += 1


async def kill_to_command(bootstrap: str, worker: PartProcess) -> float:
    """Kill the worker under load, start it again at once, and return the seconds until its first new command."""
    loading = asyncio.create_task(steady(bootstrap))
    try:
        async with reader(bootstrap, SINK) as consumer, asyncio.timeout(LIMIT_SECONDS):
            await consumer.seek_to_end()
            while not await consumer.getmany(timeout_ms=100):
                pass
            if worker.pid is None:
                raise RuntimeError("the worker does not run")
            os.kill(worker.pid, signal.SIGKILL)
            killed = time.perf_counter()
            await asyncio.to_thread(worker.stop)
            # What it had committed before it died is no new command.
            while await consumer.getmany(timeout_ms=300):
                pass
            worker.start()
            while not await consumer.getmany(timeout_ms=20):
                pass
            return time.perf_counter() - killed
    finally:
        loading.cancel()


async def read_changelogs(bootstrap: str) -> tuple[int, float]:
    """Read all changelogs to their end with plain aiokafka; return the records, and the seconds it took."""
    records = 0
    async with reader(bootstrap, *map(changelog, TABLES)) as consumer:
        started = time.perf_counter()
        while True:
            batches = await consumer.getmany(timeout_ms=500, max_records=20_000)
            if not batches:
                return records, time.perf_counter() - started - 0.5
            records += sum(map(len, batches.values()))


async def measure(bootstrap: str, sizes: list[int]) -> None:
    """Grow the state from size to size and print a row for each."""
    await create_topics(Settings(kafka_bootstrap_servers=bootstrap, kafka_partitions=8))
    await publish({"bootstrap_servers": bootstrap}, FLOWS)
    print("| waiting executions | changelog records | kill to command, new member | with an id | plain read | ratio |")
    print("|---|---|---|---|---|---|")
    sent = 0
    with tempfile.TemporaryDirectory() as folder:
        common = {**os.environ, "MAL_KAFKA_BOOTSTRAP_SERVERS": bootstrap, "MAL_DATA_DIR": folder}
        for size in sizes:
            taken: list[float] = []
            for identity in ({}, {"MAL_WORKER_ID": "bench"}):
                worker = PartProcess(mal("worker", "worker"), Path(folder), common | identity)
                worker.start()
                try:
                    await ready(worker)
                    await send(bootstrap, (opened(n, WAIT, f"wait-{n}") for n in range(sent, size)))
                    sent = size
                    await applied(bootstrap)
                    taken.append(await kill_to_command(bootstrap, worker))
                finally:
                    await asyncio.to_thread(worker.stop)
            records, seconds = await read_changelogs(bootstrap)
            new, known = taken
            print(
                f"| {size:,} | {records:,} | {new:.1f} s | {known:.1f} s | {seconds:.1f} s | x{known / seconds:.1f} |",
                flush=True,
            )


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 500_000])
    given = arguments.parse_args()
    with broker() as bootstrap:
        asyncio.run(measure(bootstrap, given.sizes))


if __name__ == "__main__":
    main()
