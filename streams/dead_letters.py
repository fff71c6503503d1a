"""Records that could not be read: how one is kept on `mal.dead-letters`, and how it is told from a note of a redrive.

A dead letter has the key and value of its record, byte for byte, and its headers followed by five of ours: error,
topic, partition, offset, timestamp. Only a value beyond `MAX_LETTER_BYTES`, which comes in a compressed batch alone, is
cut; then a sixth header, `truncated`, has its length. Knows no consumer and no producer (`redriving` does).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

import orjson

from engine.types import Json
from engine.wire import rfc3339
from streams.events import Headers, Record
from streams.topics import DEAD_LETTERS
from streams.triggers import origin_of, whole
from streams.unit import Headers as OutputHeaders
from streams.unit import Output

MAX_LETTER_BYTES: Final = 24 * 1024 * 1024
"""Value and headers together fit into one record batch of the topic (`topics.MAX_BATCH_BYTES`)."""
MAX_HEADER_BYTES: Final = 4 * 1024 * 1024
OURS: Final = ("error", "topic", "partition", "offset", "timestamp")
TRUNCATED: Final = "truncated"
REDRIVEN: Final = "redriven"
_NO_TIME: Final = "1970-01-01T00:00:00Z"


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
        ("error", error.encode("utf-8", "replace")),
        ("topic", origin.place.topic.encode()),
        ("partition", str(origin.place.partition).encode()),
        ("offset", str(origin.place.offset).encode()),
        ("timestamp", _time(origin.place.timestamp_ms).encode()),
    ]
    if value is not None and size > MAX_LETTER_BYTES:
        value = value[:MAX_LETTER_BYTES]
        headers.append((TRUNCATED, str(size).encode()))
    return Output(DEAD_LETTERS, partition, origin.key, value, tuple(headers))


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, read. `headers` are those of the record itself; `redriven` is when it was last put back."""

    topic: str
    partition: int
    offset: int
    timestamp: str
    error: str
    key: bytes | None
    value: bytes | None
    headers: OutputHeaders
    truncated: bool = False
    redriven: str | None = None

    @property
    def id(self) -> str:
        """Where the record itself lies: topic:partition:offset."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    def summary(self) -> dict[str, Json]:
        """Return what a list shows."""
        return {"id": self.id, "timestamp": self.timestamp, "error": self.error, "redriven": self.redriven}

    def wire(self) -> dict[str, Json]:
        """Return everything, as JSON: bytes that are UTF-8 as text, others as `{base64: …}`."""
        return {
            **self.summary(),
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "key": _shown(self.key),
            "value": _shown(self.value),
            "headers": [{"name": name, "value": _shown(content)} for name, content in self.headers],
            "truncated": self.truncated,
        }


@dataclass(frozen=True, slots=True)
class Redriven:
    """The note that a letter was put back: itself a record of `mal.dead-letters`."""

    id: str
    at: str


def redriven_note(letter: Letter, now_ms: int, partition: int) -> Output:
    """Return the note that a letter was put back."""
    at = rfc3339(now_ms)
    value = orjson.dumps({"redriven": letter.id, "at": at})
    headers = (("content-type", b"application/json"), (REDRIVEN, letter.id.encode()))
    return Output(DEAD_LETTERS, partition, letter.key, value, headers)


def read_letter(record: Record) -> Letter | Redriven | None:
    """Read a record of `mal.dead-letters`; None where it is neither a letter nor a note of ours."""
    headers = whole(record.headers)
    if headers and headers[-1][0] == REDRIVEN:
        return _note(record.value)
    truncated = bool(headers) and headers[-1][0] == TRUNCATED
    if truncated:
        headers = headers[:-1]
    ours = headers[-len(OURS) :]
    if tuple(name for name, _ in ours) != OURS:
        return None
    error, topic, partition, offset, timestamp = (content.decode("utf-8", "replace") for _, content in ours)
    if not (_is_number(partition) and _is_number(offset)):
        return None
    return Letter(
        topic=topic,
        partition=int(partition),
        offset=int(offset),
        timestamp=timestamp,
        error=error,
        key=record.key,
        value=record.value,
        headers=headers[: -len(OURS)],
        truncated=truncated,
    )


def _note(value: bytes | None) -> Redriven | None:
    try:
        note = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    if type(note) is not dict or type(note.get("redriven")) is not str or type(note.get("at")) is not str:
        return None
    return Redriven(note["redriven"], note["at"])


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


def _shown(content: bytes | None) -> Json:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
