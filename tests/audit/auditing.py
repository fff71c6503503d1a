"""`mal audit` as a process of its own, and the feed it reads, for tests on a real Kafka."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from streams.admin import create_topics
from streams.settings import Settings
from streams.topics import EXECUTIONS

PARTITIONS = 3
RUN = """
import asyncio
from agents.audit import run_audit
from streams.settings import Settings
asyncio.run(run_audit(Settings()))
"""


class Audit:
    """The audit's process: started, killed, stopped. Its log is a file."""

    def __init__(self, folder: Path, kafka: str, dsn: str) -> None:
        self._log = folder / "audit.log"
        self._ready = folder / "audit.ready"
        self._environment = {
            **os.environ, "MAL_KAFKA_BOOTSTRAP_SERVERS": kafka, "MAL_POSTGRES_DSN": dsn,
            "MAL_READY_FILE": str(self._ready), "MAL_LOG_LEVEL": "INFO",
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._ready.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, "-c", RUN], env=self._environment, stderr=log)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(10)

    def stop(self) -> int:
        """Ask it to end, and return its exit code; it has ten seconds."""
        self.signal(signal.SIGTERM)
        assert self._process is not None
        return self._process.wait(10)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def is_ready(self) -> bool:
        return await asyncio.to_thread(self._ready.exists)

    async def says(self, text: str) -> bool:
        return text in await asyncio.to_thread(self.read_log)

    def read_log(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    def discard(self) -> None:
        if self.is_running():
            self.kill()


class Feed:
    """Writes transactions onto the feed, some of them aborted, as workers do."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._producer: AIOKafkaProducer | None = None

    @property
    def producer(self) -> AIOKafkaProducer:
        assert self._producer is not None
        return self._producer

    async def start(self, transactional_id: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._kafka, transactional_id=transactional_id)
        await self._producer.start()

    async def stop(self) -> None:
        await self.producer.stop()

    async def write(
        self, records: Sequence[tuple[int, Any]], *, topic: str = EXECUTIONS, aborted: bool = False
    ) -> None:
        """Write (partition, record) pairs in one transaction."""
        await self.producer.begin_transaction()
        sent = [
            await self.producer.send(topic, record if isinstance(record, bytes) else orjson.dumps(record), partition=at)
            for at, record in records
        ]
        await asyncio.gather(*sent)
        await (self.producer.abort_transaction() if aborted else self.producer.commit_transaction())


@asynccontextmanager
async def feeding(kafka: str, transactional_id: str) -> AsyncIterator[Feed]:
    feed = Feed(kafka)
    await feed.start(transactional_id)
    try:
        yield feed
    finally:
        await feed.stop()


async def make_topics(kafka: str) -> None:
    await create_topics(Settings(kafka_bootstrap_servers=kafka, kafka_partitions=PARTITIONS))
