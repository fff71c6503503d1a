"""What lies on `mal.dead-letters`, read: a letter, or the note that one was put back. Knows no Kafka.

A dead letter has the key and value of its record, byte for byte, and its headers followed by five of ours: error,
topic, partition, offset, timestamp. Only a value beyond `MAX_LETTER_BYTES`, which comes in a compressed batch alone, is
cut; then a sixth header, `truncated`, has its length. A note has the letter's key, `{redriven: id, at}` as its value,
and its last header is `redriven`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

import orjson

from engine.types import Json
from engine.wire import rfc3339
from streams.events import Record
from streams.topics import DEAD_LETTERS
from streams.triggers import whole
from streams.unit import Headers as OutputHeaders
from streams.unit import Output

OURS: Final = ("error", "topic", "partition", "offset", "timestamp")
TRUNCATED: Final = "truncated"
REDRIVEN: Final = "redriven"


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


def _shown(content: bytes | None) -> Json:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
