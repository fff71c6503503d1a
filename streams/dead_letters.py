"""Records that could not be read: keep one on `mal.dead-letters`, show them, put them back.

The shape of a letter is told in `letters`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import time
from typing import Any, Final
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from engine.wire import rfc3339
from streams.events import Headers, Record
from streams.letters import TRUNCATED, Letter, Redriven, read_letter, redriven_note
from streams.reading import read_to_end
from streams.topics import DEAD_LETTERS, MAX_BATCH_BYTES
from streams.transactions import until_visible
from streams.triggers import origin_of, whole
from streams.unit import Headers as OutputHeaders
from streams.unit import Output

MAX_LETTER_BYTES: Final = 24 * 1024 * 1024
"""Value and headers together fit into one record batch of the topic (`topics.MAX_BATCH_BYTES`)."""
MAX_HEADER_BYTES: Final = 4 * 1024 * 1024
MAX_ERROR_CHARS: Final = 1_000
"""Of what is wrong: it may show what it is about, which may be long."""
REDRIVE_SECONDS: Final = 60.0
"""How long one transaction of a redrive may take."""
_PER_TRANSACTION: Final = 100
_NO_TIME: Final = "1970-01-01T00:00:00Z"


class DeadLetterError(ValueError):
    """A dead letter is not there, or cannot be put back. The message names it."""


def dead_letter(record: Record, error: str, partition: int) -> Output:
    """Return the dead letter of a record.

    One that had been re-keyed through `mal.triggers` is kept as it was at its origin, and names that.

    Args:
        record: what could not be read.
        error: why.
        partition: where the letter goes: the shard's own.
    """
    origin = origin_of(record)
    value = origin.value
    size = 0 if value is None else len(value)
    headers: list[tuple[str, bytes]] = [
        *_fitting(origin.headers),
        ("error", error[:MAX_ERROR_CHARS].encode("utf-8", "replace")),
        ("topic", origin.place.topic.encode()),
        ("partition", str(origin.place.partition).encode()),
        ("offset", str(origin.place.offset).encode()),
        ("timestamp", _time(origin.place.timestamp_ms).encode()),
    ]
    if value is not None and size > MAX_LETTER_BYTES:
        value = value[:MAX_LETTER_BYTES]
        headers.append((TRUNCATED, str(size).encode()))
    return Output(DEAD_LETTERS, partition, origin.key, value, tuple(headers))


async def list_letters(kafka: Mapping[str, Any]) -> list[Letter]:
    """Return all dead letters, oldest first, each once, with when it was last put back.

    Raises:
        KafkaError: Kafka is away, or has no such topic.
    """
    found: list[tuple[tuple[int, int, int], Letter]] = []
    notes: dict[str, str] = {}

    def take(record: Record) -> None:
        read = read_letter(record)
        if isinstance(read, Letter):
            found.append(((record.timestamp, record.partition, record.offset), read))
        elif isinstance(read, Redriven):
            notes[read.id] = max(read.at, notes.get(read.id, ""))

    await read_to_end(kafka, DEAD_LETTERS, take)
    letters = {letter.id: letter for _, letter in sorted(found, key=lambda pair: pair[0])}
    return [replace(letter, redriven=notes.get(letter.id)) for letter in letters.values()]


async def show(kafka: Mapping[str, Any], letter_id: str) -> Letter:
    """Return one dead letter.

    Raises:
        DeadLetterError: there is none of this id.
        KafkaError: Kafka is away.
    """
    (letter,) = _chosen(await list_letters(kafka), [letter_id])
    return letter


async def redrive(kafka: Mapping[str, Any], ids: Sequence[str] | None) -> list[Letter]:
    """Put records back on the topics they came from, with their own bytes, key and headers, and note it.

    A record with a key goes where its key belongs, one without to the partition it came from. Record and note are one
    transaction, so that nothing is put back without a note.

    Args:
        kafka: the client's arguments.
        ids: which, also those put back before; None: all that were not, but for those that cannot be.

    Returns:
        What was put back, in order.

    Raises:
        DeadLetterError: an id is unknown, its letter was cut, or its topic is gone; nothing was put back.
        KafkaError: Kafka is away; what was noted until then is put back.
    """
    letters = await list_letters(kafka)
    known = await _topics(kafka)
    if ids is None:
        chosen = [
            letter for letter in letters if letter.redriven is None and not letter.truncated and letter.topic in known
        ]
    else:
        chosen = _chosen(letters, ids)
        _check(chosen, known)
    if chosen:
        await _put_back(kafka, chosen)
    return chosen


def _chosen(letters: Sequence[Letter], ids: Sequence[str]) -> list[Letter]:
    by_id = {letter.id: letter for letter in letters}
    unknown = [letter_id for letter_id in ids if letter_id not in by_id]
    if unknown:
        raise DeadLetterError(f"there is no dead letter {', '.join(unknown)}; `mal dead-letters list` shows their ids")
    return [by_id[letter_id] for letter_id in dict.fromkeys(ids)]


def _check(letters: Sequence[Letter], known: set[str]) -> None:
    if cut := [letter.id for letter in letters if letter.truncated]:
        raise DeadLetterError(f"{', '.join(cut)} was too long to be kept whole; its writer must send it again")
    if gone := sorted({letter.topic for letter in letters} - known):
        raise DeadLetterError(f"Kafka has no topic {', '.join(gone)} any more; nothing can be put back there")


async def _topics(kafka: Mapping[str, Any]) -> set[str]:
    admin = AIOKafkaAdminClient(**kafka)
    try:
        await admin.start()
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def _put_back(kafka: Mapping[str, Any], letters: Sequence[Letter]) -> None:
    transactional_id = f"mal-redrive-{uuid4()}"
    producer = AIOKafkaProducer(
        **kafka, transactional_id=transactional_id, acks="all", max_request_size=MAX_BATCH_BYTES
    )
    try:
        async with asyncio.timeout(REDRIVE_SECONDS):
            await producer.start()
        for first in range(0, len(letters), _PER_TRANSACTION):
            async with asyncio.timeout(REDRIVE_SECONDS), producer.transaction():
                await _send(producer, letters[first : first + _PER_TRANSACTION])
    finally:
        await producer.stop()
    # Else a redrive right after this one would not see its notes, and put the same back once more.
    async with asyncio.timeout(REDRIVE_SECONDS):
        await until_visible(kafka, transactional_id)


async def _send(producer: AIOKafkaProducer, letters: Sequence[Letter]) -> None:
    numbers = sorted(await producer.partitions_for(DEAD_LETTERS))
    sent = []
    for letter in letters:
        sent.append(
            await producer.send(
                letter.topic,
                letter.value,
                key=letter.key,
                partition=letter.partition if letter.key is None else None,
                headers=list(letter.headers),
            )
        )
        note = redriven_note(letter, int(time() * 1000), numbers[letter.partition % len(numbers)])
        sent.append(
            await producer.send(
                note.topic, note.value, key=note.key, partition=note.partition, headers=list(note.headers)
            )
        )
    await asyncio.gather(*sent)


def _fitting(headers: Headers) -> OutputHeaders:
    """Return the headers, without those that go beyond `MAX_HEADER_BYTES` all together."""
    room = MAX_HEADER_BYTES
    kept: list[tuple[str, bytes]] = []
    for name, content in whole(headers):
        room -= len(name.encode()) + len(content)
        if room >= 0:
            kept.append((name, content))
    return tuple(kept)


def _time(timestamp_ms: int) -> str:
    try:
        return rfc3339(timestamp_ms)
    except (ValueError, OverflowError, OSError):
        return _NO_TIME  # a producer may claim any timestamp, also one beyond the calendar
