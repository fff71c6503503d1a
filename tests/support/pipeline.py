"""A Kafka of a test's own, with workers as processes that can be killed, stopped and continued.

Reads nothing but topics: what counts is what a read_committed reader sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from dev.flows import publish
from dev.kafka import KafkaBroker
from dev.parts import mal
from dev.services import serving
from engine.events import subject_of
from engine.flow import FlowVersion, Policy
from engine.systems import BY_EVENT_TYPE
from streams.admin import create_topics
from streams.settings import Settings
from streams.topics import EXECUTIONS
from tests.support.processes import Process

PARTITIONS = 4


class Pipeline:
    """A broker with all topics, and what a test does with it."""

    def __init__(self, broker: KafkaBroker, folder: Path, environment: Mapping[str, str]) -> None:
        self.broker = broker
        self.kafka: dict[str, Any] = {"bootstrap_servers": broker.bootstrap}
        self._folder = folder
        self._environment = environment
        self.processing = environment.get("MAL_PROCESSING", "exactly_once")
        self.workers: list[Process] = []

    def worker(self, name: str = "worker", command: str = "worker", **environment: str) -> Process:
        """Make a worker, or another part; all are stopped at the end."""
        worker = Process(mal(name, command), self._folder, {**os.environ, **self._environment, **environment})
        self.workers.append(worker)
        return worker

    async def publish(self, *versions: FlowVersion, at_ms: int = 0, policy: Policy = "pin") -> None:
        await publish(self.kafka, versions, at_ms=at_ms, policy=policy)

    async def send(self, *events: Mapping[str, Any]) -> None:
        """Put events on the topics of their types under their subjects, and wait until Kafka has them."""
        async with AIOKafkaProducer(**self.kafka, linger_ms=5) as producer:
            await asyncio.gather(*[await self._send(producer, event) for event in events])

    async def stream(self, events: Iterable[Mapping[str, Any]], rate: float) -> None:
        """Send events at a steady rate, per second."""
        async with AIOKafkaProducer(**self.kafka, linger_ms=5) as producer:
            loop = asyncio.get_running_loop()
            started, sent = loop.time(), []
            for number, event in enumerate(events):
                sent.append(await self._send(producer, event))
                ahead = started + number / rate - loop.time()
                if ahead > 0.02:
                    await asyncio.sleep(ahead)
            await asyncio.gather(*sent)

    @staticmethod
    async def _send(producer: AIOKafkaProducer, event: Mapping[str, Any]) -> Any:
        subject = subject_of(event["payload"], event.get("metadata") or {})
        topic = BY_EVENT_TYPE[event["type"]].events_topic
        return await producer.send(topic, orjson.dumps(event), key=subject.id.encode() if subject else None)

    async def put(self, topic: str, key: bytes | None, value: bytes | None, **more: Any) -> None:
        """Put one record on a topic."""
        async with AIOKafkaProducer(**self.kafka) as producer:
            await producer.send_and_wait(topic, value, key=key, **more)

    @asynccontextmanager
    async def reading(self, *topics: str) -> AsyncIterator[Reading]:
        """Read topics from their beginning, as a read_committed reader sees them."""
        async with AIOKafkaConsumer(
            *topics, **self.kafka, auto_offset_reset="earliest", isolation_level="read_committed", fetch_max_wait_ms=50
        ) as consumer:
            yield Reading(consumer)

    async def read(self, topic: str, count: int, within_seconds: float = 30.0) -> list[Any]:
        """Read a topic until there are so many records, and what comes half a second after."""
        async with self.reading(topic) as reading:
            await reading.until(count, within_seconds)
            await reading.settle()
            return reading.records

    async def told(
        self, wanted: Callable[[Mapping[str, Any]], bool], count: int, within_seconds: float = 30.0
    ) -> list[dict[str, Any]]:
        """The records of the feed that are wanted, once there are so many."""
        async with self.reading(EXECUTIONS) as reading:
            await reading.until(count, within_seconds, lambda record: wanted(orjson.loads(record.value)))
            return [one for one in values(reading.records) if wanted(one)]

    def close(self) -> None:
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError, AssertionError):
                worker.signal(signal.SIGCONT)
            worker.stop()


class Reading:
    """What has been read so far, and the longest pause between two records of the log."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.records: list[Any] = []

    async def more(self, timeout_ms: int = 200) -> int:
        batches = await self._consumer.getmany(timeout_ms=timeout_ms)
        fresh = [record for batch in batches.values() for record in batch]
        self.records += fresh
        return len(fresh)

    async def until(
        self, count: int, within_seconds: float, wanted: Callable[[Any], bool] = lambda _record: True
    ) -> None:
        """Read until there are so many records that are wanted."""
        found, looked_at = 0, 0
        try:
            async with asyncio.timeout(within_seconds):
                while True:
                    found += sum(map(wanted, self.records[looked_at:]))
                    looked_at = len(self.records)
                    if found >= count:
                        return
                    await self.more()
        except TimeoutError:
            raise AssertionError(f"{found} of {count} records within {within_seconds:g} s") from None

    async def settle(self) -> None:
        """Read on until nothing comes for half a second."""
        while await self.more(500):
            pass


def values(records: Iterable[Any]) -> list[dict[str, Any]]:
    """The decoded values of records."""
    return [orjson.loads(record.value) for record in records]


def header(record: Any, name: str) -> str:
    """A header of a record, as text."""
    value: bytes = dict(record.headers)[name]
    return value.decode()


@contextlib.contextmanager
def running_pipeline(
    folder: Path, *, properties: Mapping[str, str] | None = None, **environment: str
) -> Iterator[Pipeline]:
    """Start a broker with all topics; stop it, and all workers, at the end."""
    with serving(KafkaBroker(folder / "kafka", heap_megabytes=512, properties=properties)) as broker:
        settings = Settings(kafka_bootstrap_servers=broker.bootstrap, kafka_partitions=PARTITIONS)
        asyncio.run(create_topics(settings))
        pipeline = Pipeline(
            broker,
            folder,
            {"MAL_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, "MAL_DATA_DIR": str(folder), **environment},
        )
        try:
            yield pipeline
        finally:
            pipeline.close()
