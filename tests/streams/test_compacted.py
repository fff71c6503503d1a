"""A compacted topic is read whole at the start, then on; and who asks can wait until it has been read up to now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.compacted import CompactedReader

pytestmark = pytest.mark.services


@pytest.fixture
async def topic(kafka: str) -> str:
    name = f"compacted-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 2, 1, topic_configs={"cleanup.policy": "compact"})])
    finally:
        await admin.close()
    return name


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as started:
        yield started


async def test_what_was_there_when_it_was_asked_is_applied_once_it_has_caught_up(
    kafka: str, topic: str, producer: AIOKafkaProducer
) -> None:
    applied: dict[bytes, bytes | None] = {}
    await producer.send_and_wait(topic, b"old", key=b"first", partition=0)
    reader = CompactedReader({"bootstrap_servers": kafka}, topic, applied.__setitem__)
    await reader.start()
    try:
        assert applied == {b"first": b"old"}
        for number in range(50):
            await producer.send_and_wait(topic, b"%d" % number, key=b"next", partition=number % 2)
            await producer.send_and_wait(topic, None, key=b"first", partition=1)
            await reader.catch_up()
            assert applied == {b"first": None, b"next": b"%d" % number}
    finally:
        await reader.stop()
    assert reader.failure() is None


async def test_it_waits_for_a_reader_that_lags(
    kafka: str, topic: str, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied: list[bytes] = []
    reader = CompactedReader({"bootstrap_servers": kafka}, topic, lambda key, _value: applied.append(key))
    let_go = asyncio.Event()
    getmany = reader._consumer.getmany

    async def lags(**asked: Any) -> Any:
        await let_go.wait()
        return await getmany(**asked)

    monkeypatch.setattr(reader._consumer, "getmany", lags)
    await reader.start()  # there is nothing to read yet
    try:
        for number in range(3):
            await producer.send_and_wait(topic, b"x", key=b"%d" % number, partition=0)
        waiting = asyncio.create_task(reader.catch_up())
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        assert not applied
        let_go.set()
        await waiting
        assert applied == [b"0", b"1", b"2"]
    finally:
        await reader.stop()
