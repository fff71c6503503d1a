"""Looks on while faults happen: how soon each shard gives commands again, whether one comes twice; and answers them.

It is the TAP systems' end of the line: every awaited command gets its answer, some of them get it twice.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

import orjson
from aiokafka.errors import KafkaError

from engine.wire import rfc3339
from streams.consumers import committed_reader
from streams.topics import COMMAND_RESULTS, COMMAND_TOPICS
from tests.fault.workload import ASK, TAG, Feeder

ANSWERED_TWICE = 0.03
POLL_MS = 200


class Watch:
    """Reads all commands as they come.

    Args:
        kafka: the client's arguments, past the proxies.
        feeder: knows when an event was sent, and puts answers on their topic.
        shards: how many there are.
        seed: of the answers that come twice.
    """

    def __init__(self, kafka: Mapping[str, Any], feeder: Feeder, shards: int, seed: int) -> None:
        self.seen: set[tuple[str, int]] = set()
        self.twice: list[tuple[str, int]] = []
        self.gaps: dict[int, float] = dict.fromkeys(range(shards), 0.0)
        """The longest time without a command, by shard."""
        self.latencies: list[tuple[float, float]] = []
        """When a command came, and how many seconds after its event was sent; of flows that command at once."""
        self._kafka = kafka
        self._feeder = feeder
        self._dice = random.Random(f"{seed}:answers")
        self._newest: dict[int, float] = dict.fromkeys(range(shards), 0.0)
        self._last: dict[int, float] = {}
        self._places: set[tuple[str, int, int]] = set()
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self._read()
            except (KafkaError, OSError):
                await asyncio.sleep(0.5)  # Kafka is away for those past the proxies as well

    async def _read(self) -> None:
        consumer = committed_reader(self._kafka, *COMMAND_TOPICS)
        await consumer.start()
        try:
            while True:
                batches = await consumer.getmany(timeout_ms=POLL_MS)
                for partition, records in batches.items():
                    for record in records:
                        self._take(partition.partition, orjson.loads(record.value), record)
                if batches:
                    async with self._news:
                        self._news.notify_all()
        finally:
            await consumer.stop()

    def _take(self, shard: int, told: dict[str, Any], record: Any) -> None:
        name = told["id"], told["attempt"]
        place = record.topic, record.partition, record.offset
        now = time.monotonic()
        if name in self.seen:
            if place not in self._places:
                self.twice.append(name)
            return
        self._places.add(place)
        self.seen.add(name)
        self._note(shard, told["cause"]["eventId"], now, at_once=told["flowId"] == TAG)
        if told["flowId"] == ASK and told["nodeId"] == "do":
            self._answer(told, record.key)

    def _note(self, shard: int, event_id: str, now: float, *, at_once: bool) -> None:
        sent_at = self._feeder.sent_at[int(event_id.rpartition("-")[2])]
        self._newest[shard] = max(self._newest[shard], sent_at)
        if at_once:
            self.latencies.append((now, now - sent_at))
        if shard in self._last:
            self.gaps[shard] = max(self.gaps[shard], now - self._last[shard])
        self._last[shard] = now

    def _answer(self, told: Mapping[str, Any], key: bytes) -> None:
        answer = orjson.dumps({
            "commandId": told["id"], "attempt": told["attempt"], "status": "succeeded",
            "finishedAt": rfc3339(int(time.time() * 1000)),
        })  # fmt: skip
        for _ in range(1 + (self._dice.random() < ANSWERED_TWICE)):
            self._feeder.deliver(COMMAND_RESULTS, key, answer)

    async def all_shards_since(self, moment: float, within_seconds: float) -> float:
        """Wait until every shard has commanded for an event sent after a moment; return the time since, in seconds.

        Raises:
            TimeoutError: not within the bound.
        """
        async with asyncio.timeout(within_seconds), self._news:
            await self._news.wait_for(lambda: all(newest > moment for newest in self._newest.values()))
        return time.monotonic() - moment

    def waiting(self, moment: float) -> list[int]:
        """The shards that have not commanded yet for an event sent after a moment."""
        return [shard for shard, newest in self._newest.items() if newest <= moment]
