"""How long from an event to its command: from the moment it is sent until a read_committed reader has the command.

Events come at a steady rate, each matches a flow of three nodes, and the worker commits each unit in a transaction.
Beside it, the same reader's time for a record that nobody works on: what Kafka and the clients take by themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Mapping
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaProducer

from bench.ingest import SINK, SOURCE, Case, broker, events, process, reader, renew
from dev.parts import mal
from streams.settings import Settings

WARM_UP = 200
Times = dict[str, float]


async def send(bootstrap: str, topic: str, case: Case, rate: float, run: str) -> Times:
    """Send events at a rate, per second; return when each was sent, by its id."""
    sent: Times = {}
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        started = time.perf_counter()
        for number, (key, value) in enumerate(events(case, run)):
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
            sent[f"{run}-{number}"] = time.perf_counter()
            await producer.send(topic, value, key=key)
    return sent


async def receive(
    bootstrap: str, topic: str, count: int, id_path: tuple[str, ...], run: str, ready: asyncio.Event
) -> Times:
    """Read a topic from its end on; return when the record about each event of a run came."""
    got: Times = {}
    async with reader(bootstrap, topic) as consumer, asyncio.timeout(120):
        await consumer.seek_to_end()
        for partition in consumer.assignment():
            await consumer.position(partition)
        ready.set()
        while len(got) < count:
            batches = await consumer.getmany(timeout_ms=100)
            now = time.perf_counter()
            for records in batches.values():
                for record in records:
                    found = orjson.loads(record.value)
                    for name in id_path:
                        found = found[name]
                    if found.startswith(run):
                        got[found] = now
    return got


async def round_trip(bootstrap: str, sink: str, id_path: tuple[str, ...], case: Case, rate: float) -> list[float]:
    """Return how long each event took until its record came, in milliseconds, the first ones left out."""
    ready, run = asyncio.Event(), uuid4().hex[:8]
    receiving = asyncio.create_task(receive(bootstrap, sink, case.events, id_path, run, ready))
    await ready.wait()
    sent = await send(bootstrap, SOURCE, case, rate, run)
    got = await receiving
    return [(got[name] - at) * 1_000 for name, at in list(sent.items())[WARM_UP:]]


def row(name: str, taken: list[float]) -> str:
    """Write the figures of one run as a row of a table."""
    ordered = sorted(taken)
    figures = (ordered[len(ordered) * percent // 100] for percent in (50, 90, 99))
    return f"| {name} | {' | '.join(f'{figure:.0f}' for figure in figures)} | {ordered[-1]:.0f} |"


async def measure(bootstrap: str, rates: Mapping[int, int]) -> None:
    """Run each rate and print the table."""
    settings = Settings(kafka_bootstrap_servers=bootstrap, kafka_partitions=8)
    print("| milliseconds | p50 | p90 | p99 | longest |\n|---|---|---|---|---|")
    for rate, count in rates.items():
        case = Case(count, 100)
        await renew(settings, bootstrap)
        print(row(f"{rate}/s, Kafka alone", await round_trip(bootstrap, SOURCE, ("id",), case, rate)), flush=True)
        environment = {"MAL_KAFKA_BOOTSTRAP_SERVERS": bootstrap, "MAL_LOG_LEVEL": "warning"}
        await renew(settings, bootstrap)
        with process([*mal("worker", "worker").command], **environment):
            await round_trip(bootstrap, SINK, ("cause", "eventId"), Case(WARM_UP * 2, 100), 100)
            taken = await round_trip(bootstrap, SINK, ("cause", "eventId"), case, rate)
        print(row(f"{rate}/s, event to command", taken), flush=True)


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with broker() as bootstrap:
        asyncio.run(measure(bootstrap, {50: 1_000, 200: 3_000, 1_000: 10_000}))


if __name__ == "__main__":
    main()
