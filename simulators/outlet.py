"""Puts events and answers on Kafka, whole lists at a time, and returns when Kafka has them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from engine.events import subject_of
from engine.systems import BY_EVENT_TYPE
from simulators.tally import Tally
from simulators.topics import RESULTS_TOPIC
from simulators.values import Json, Publication


class Outlet:
    """The one producer of the simulators. aiokafka partitions by murmur2 of the key, as contract.md section 1 asks."""

    def __init__(self, kafka: Mapping[str, Any], tally: Tally) -> None:
        self._producer = AIOKafkaProducer(**kafka, acks="all", enable_idempotence=True, linger_ms=5)
        self._tally = tally

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is left, and close."""
        await self._producer.stop()

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Put events on the topics of their types, under their subjects."""
        kinds = [publication.event["type"] for publication in publications]
        await self._send([_event_record(publication.event) for publication in publications])
        self._tally.published.update(kinds)

    async def answer(self, answers: Sequence[tuple[bytes | None, Mapping[str, Json]]]) -> None:
        """Put answers on the results topic, each keyed like its command."""
        await self._send([(RESULTS_TOPIC, key, orjson.dumps(answer)) for key, answer in answers])
        self._tally.answers.update(answer["status"] for _, answer in answers)

    async def _send(self, records: Iterable[tuple[str, bytes | None, bytes]]) -> None:
        sent = [await self._producer.send(topic, value, key=key) for topic, key, value in records]
        await asyncio.gather(*sent)


def _event_record(event: Mapping[str, Json]) -> tuple[str, bytes | None, bytes]:
    subject = subject_of(event["payload"], event["metadata"])
    key = subject.id.encode() if subject else None
    return BY_EVENT_TYPE[event["type"]].events_topic, key, orjson.dumps(event)
