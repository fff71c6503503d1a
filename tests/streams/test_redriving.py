"""Dead letters on a real Kafka: listed, shown, and put back as they were, together with a note of it."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from streams.dead_letters import DeadLetterError, dead_letter, list_letters, redrive, show
from streams.events import Record
from streams.partitioner import partition_for
from streams.reading import read_to_end
from streams.topics import DEAD_LETTERS
from streams.transactions import until_visible
from tests.streams.conftest import PARTITIONS
from tests.streams.records import record

pytestmark = pytest.mark.services

CLICKS = "tap.fusion-layer.events"
HEADERS = (("trace", b"1"), ("error", b"its own"))


async def bury(kafka: dict[str, Any], *records: Record) -> list[str]:
    """Write the dead letters of records as a worker does, in a transaction; return their ids."""
    async with AIOKafkaProducer(**kafka, transactional_id="test-bury") as producer, producer.transaction():
        for one in records:
            letter = dead_letter(one, "is no JSON", 1)
            sent = await producer.send(
                letter.topic, letter.value, key=letter.key, partition=letter.partition, headers=list(letter.headers)
            )
            await sent
    await until_visible(kafka, "test-bury")
    return [f"{one.topic}:{one.partition}:{one.offset}" for one in records]


async def read(kafka: dict[str, Any], topic: str) -> list[Record]:
    found: list[Record] = []
    await read_to_end(kafka, topic, found.append)
    return found


def buried(offset: int, **more: Any) -> Record:
    return record(b"\xff\x00", HEADERS, topic=CLICKS, offset=offset, **more)


async def test_letters_are_put_back_as_they_were_and_it_is_noted(kafka_client: dict[str, Any]) -> None:
    keyed, keyless = buried(1, key=b"\xfe"), buried(2, key=None)
    first, second, _ = await bury(kafka_client, keyed, keyless, keyed)  # the third time by a crash
    before = await list_letters(kafka_client)
    assert [letter.id for letter in before if letter.topic == CLICKS] == [first, second]
    assert (await show(kafka_client, first)).headers == HEADERS

    (done,) = await redrive(kafka_client, [first])
    assert done.id == first
    assert (await show(kafka_client, first)).redriven is not None
    assert (await show(kafka_client, second)).redriven is None
    assert [letter.id for letter in await redrive(kafka_client, None) if letter.topic == CLICKS] == [second]
    assert await redrive(kafka_client, None) == []
    assert [letter.id for letter in await redrive(kafka_client, [first, first])] == [first]

    back = await read(kafka_client, CLICKS)
    home = partition_for(b"\xfe", PARTITIONS)
    assert sorted((one.partition, one.key or b"", one.value or b"", tuple(one.headers)) for one in back) == sorted([
        (home, b"\xfe", b"\xff\x00", HEADERS),
        (home, b"\xfe", b"\xff\x00", HEADERS),
        (2, b"", b"\xff\x00", HEADERS),
    ])  # fmt: skip
    notes = [one for one in await read(kafka_client, DEAD_LETTERS) if one.headers[-1] == ("redriven", first.encode())]
    assert len(notes) == 2


async def test_what_cannot_be_put_back_is_named_and_nothing_is(
    kafka_client: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, lost = await bury(kafka_client, buried(11), record(b"x", topic="tap.gone", offset=12))
    monkeypatch.setattr("streams.dead_letters.MAX_LETTER_BYTES", 1)
    (cut,) = await bury(kafka_client, buried(13))
    there = len(await read(kafka_client, CLICKS))
    for ids, why in (
        ([whole, "t:1:2"], "there is no dead letter t:1:2"),
        ([whole, lost], "Kafka has no topic tap.gone any more"),
        ([whole, cut], f"{cut} was too long"),
    ):
        with pytest.raises(DeadLetterError, match=why):
            await redrive(kafka_client, ids)
    assert len(await read(kafka_client, CLICKS)) == there
    assert whole in [letter.id for letter in await redrive(kafka_client, None)]
    assert len(await read(kafka_client, CLICKS)) == there + 1
