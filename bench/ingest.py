"""How many events a second: our worker beside raw aiokafka and an idiomatic Faust agent, on one real Kafka, in one run.

The same opens lie on the topic for all three. The flow has three nodes (email_open, if_field_match, tag_contact). Ours
folds the facts of every event, dedupes it, and for each match writes a command, a feed record and the state, in
transactions; the idiomatic agent writes one counter and sends one command; raw only reads and parses.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from dev.flows import publish
from dev.kafka import KafkaBroker
from dev.parts import mal
from dev.services import serving
from engine.flow import FlowVersion
from streams.admin import create_topics
from streams.settings import Settings

SOURCE = "tap.email-engine.events"
SINK = "tap.list-builder.commands"
MATCHING = "campaign_match"
LIMIT_SECONDS = 600.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Case:
    """How many events, how many in a hundred match, and how many contacts they are about."""

    events: int
    percent: int
    contacts: int = 50_000

    @property
    def matches(self) -> int:
        """How many match."""
        return sum(1 for number in range(self.events) if number % 100 < self.percent)


def events(case: Case, run: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each event."""
    for number in range(case.events):
        contact = f"contact_{number % case.contacts:05d}"
        campaign = MATCHING if number % 100 < case.percent else "campaign_other"
        event = {
            "id": f"{run}-{number}", "type": "email_open", "source": "email_engine",
            "timestamp": "2026-11-01T10:30:00Z",
            "payload": {"emailId": f"email_{number}", "campaignId": campaign, "contactId": contact},
            "metadata": {"userId": "user_bench", "workspaceId": None},
        }  # fmt: skip
        yield contact.encode(), orjson.dumps(event)


def flow() -> FlowVersion:
    """The flow of three nodes."""
    opened = {"id": "opened", "type": "trigger", "subtype": "email_open", "config": {"campaignId": MATCHING}}
    ask = {"field": "engagement.opened", "operator": "equals", "value": True}
    return FlowVersion.model_validate({
        "flowId": "bench", "version": 1, "name": "bench", "userId": "user_bench",
        "nodes": [
            opened,
            {"id": "ask", "type": "condition", "subtype": "if_field_match", "config": ask},
            {"id": "tag", "type": "action", "subtype": "tag_contact", "config": {"tag": "opened"}},
        ],
        "edges": [
            {"id": "e1", "sourceNodeId": "opened", "targetNodeId": "ask"},
            {"id": "e2", "sourceNodeId": "ask", "targetNodeId": "tag", "conditionLabel": "true"},
        ],
    })  # fmt: skip


@contextmanager
def broker() -> Iterator[str]:
    """A Kafka of its own."""
    with tempfile.TemporaryDirectory() as folder, serving(KafkaBroker(Path(folder), heap_megabytes=1_024)) as kafka:
        yield kafka.bootstrap


async def fill(bootstrap: str, case: Case, run: str, topic: str = SOURCE) -> None:
    """Put the events of a case on a topic."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=500_000) as producer:
        sent = [await producer.send(topic, value, key=key) for key, value in events(case, run)]
        await asyncio.gather(*sent)


async def renew(settings: Settings, bootstrap: str) -> None:
    """Delete all topics and make them again, with the flow on `mal.flows`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(60):
            while stale := [topic for topic in await admin.list_topics() if not topic.startswith("__")]:
                await admin.delete_topics(stale)
                await asyncio.sleep(0.2)
    finally:
        await admin.close()
    await create_topics(settings)
    await publish({"bootstrap_servers": bootstrap}, [flow()])


@asynccontextmanager
async def reader(bootstrap: str, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group, at the beginning of topics."""
    async with AIOKafkaConsumer(
        *topics, bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level="read_committed",
        max_partition_fetch_bytes=2 * 1024 * 1024, fetch_max_wait_ms=50,
    ) as consumer:  # fmt: skip
        yield consumer


async def raw(bootstrap: str, case: Case) -> float:
    """Events a second of getmany and orjson, doing nothing with them but look at the campaign."""
    seen = matched = 0
    async with reader(bootstrap, SOURCE) as consumer:
        started = time.perf_counter()
        while seen < case.events:
            for records in (await consumer.getmany(timeout_ms=1_000, max_records=5_000)).values():
                for record in records:
                    matched += orjson.loads(record.value)["payload"]["campaignId"] == MATCHING
                seen += len(records)
        seconds = time.perf_counter() - started
    if matched != case.matches:
        raise AssertionError(f"{matched} of {case.matches} matched")
    return case.events / seconds


async def offsets_of(admin: AIOKafkaAdminClient, group: str) -> Mapping[TopicPartition, Any]:
    """The committed offsets of a group; none where Kafka has not got so far."""
    try:
        offsets: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(group)
    except KafkaError:
        return {}
    return offsets


async def rate_of_group(bootstrap: str, group: str, topic: str, case: Case, process: subprocess.Popen[bytes]) -> float:
    """Events a second of a group, from the first progress that is seen to the end, by its committed offsets."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        first: tuple[float, int] | None = None
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                if process.poll() is not None:
                    raise RuntimeError(f"the worker ended with {process.returncode}")
                offsets = await offsets_of(admin, group)
                done = sum(at.offset for partition, at in offsets.items() if partition.topic == topic and at.offset > 0)
                now = time.perf_counter()
                if first is None and done:
                    first = (now, done)
                if done >= case.events and first is not None:
                    began, before = first
                    if before >= case.events:
                        raise RuntimeError("all was done before it could be measured; take more events")
                    return (case.events - before) / (now - began)
                await asyncio.sleep(POLL_SECONDS)
    finally:
        await admin.close()


async def count(bootstrap: str, topic: str, expected: int) -> int:
    """Count the records of a topic, waiting for so many."""
    seen = 0
    async with reader(bootstrap, topic) as consumer, asyncio.timeout(60):
        while seen < expected:
            seen += sum(map(len, (await consumer.getmany(timeout_ms=500)).values()))
    return seen


@contextmanager
def process(command: list[str], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own; stopped at the end."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        running = subprocess.Popen(
            command, env={**os.environ, "MAL_DATA_DIR": folder, **environment}, cwd=Path(__file__).parents[1],
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


async def ours(bootstrap: str, case: Case, processing: str) -> float:
    """Events a second of our worker; every match must have its command."""
    environment = {"MAL_KAFKA_BOOTSTRAP_SERVERS": bootstrap, "MAL_PROCESSING": processing, "MAL_LOG_LEVEL": "warning"}
    with process([*mal("worker", "worker").command], **environment) as worker:
        rate = await rate_of_group(bootstrap, "mal", SOURCE, case, worker)
        if (sent := await count(bootstrap, SINK, case.matches)) != case.matches:
            raise AssertionError(f"{sent} commands for {case.matches} matches")
    return rate


async def idiomatic(bootstrap: str, case: Case, run: str) -> float:
    """Events a second of the idiomatic Faust agent."""
    source, sink, app = f"bench-{run}-opens", f"bench-{run}-commands", f"bench-{run}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(source, 8, 1), NewTopic(sink, 8, 1)])
    finally:
        await admin.close()
    await fill(bootstrap, case, run, source)
    environment = {
        "BENCH_BOOTSTRAP": bootstrap, "BENCH_SOURCE": source, "BENCH_SINK": sink, "BENCH_APP": app,
        "BENCH_CAMPAIGN": MATCHING, "BENCH_PARTITIONS": "8",
    }  # fmt: skip
    command = [sys.executable, "-m", "faust", "-A", "bench.idiomatic", "worker", "-l", "error", "--without-web"]
    with process(command, **environment) as worker:
        return await rate_of_group(bootstrap, app, source, case, worker)


async def measure(bootstrap: str, many: int, few: int) -> None:
    """Run all cases and print the table."""
    settings = Settings(kafka_bootstrap_servers=bootstrap, kafka_partitions=8)
    print(f"{many:,} events (idiomatic Faust: {few:,}), 248 B, 50,000 contacts, 8 partitions, one worker process\n")
    print("| events/s | 1 % match | 100 % match |\n|---|---|---|")
    rows: dict[str, list[float]] = {}
    for percent in (1, 100):
        case = Case(many, percent)
        for name in ("exactly_once", "at_least_once"):
            await renew(settings, bootstrap)
            await fill(bootstrap, case, uuid4().hex[:8])
            if name == "exactly_once":
                rows.setdefault("raw aiokafka getmany + orjson", []).append(await raw(bootstrap, case))
            rows.setdefault(f"mal worker, {name}", []).append(await ours(bootstrap, case, name))
        idiomatic_rate = await idiomatic(bootstrap, Case(few, percent), uuid4().hex[:8])
        rows.setdefault("idiomatic Faust agent", []).append(idiomatic_rate)
    base = rows["idiomatic Faust agent"]
    for name, rates in rows.items():
        cells = [f"{rate:,.0f} (x{rate / slow:.1f})" for rate, slow in zip(rates, base, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=300_000)
    arguments.add_argument("--events-idiomatic", type=int, default=30_000)
    given = arguments.parse_args()
    with broker() as bootstrap:
        asyncio.run(measure(bootstrap, given.events, given.events_idiomatic))


if __name__ == "__main__":
    main()
