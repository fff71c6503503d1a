"""Read events from JSON lines, all of them, before any is sent.

Lines are checked by the rules the worker reads events with, so what is accepted here is not dead-lettered there.
Knows nothing of Kafka.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson

from engine.events import EventError, json_kind, read_event
from engine.systems import BY_EVENT_TYPE

MAX_BYTES = 1024 * 1024
MAX_NESTING = 64
"""Both of contract.md section 2: what is beyond them is dead-lettered."""


class BadLinesError(ValueError):
    """Some lines are no events that can be sent; the message has one line for each, with its number."""


def read_lines(content: bytes) -> list[dict[str, Any]]:
    """Read one event a line; empty lines are passed over. An event without an id gets one.

    Raises:
        BadLinesError: a line is no event, or its type has no topic.
    """
    events: list[dict[str, Any]] = []
    bad: list[str] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            events.append(_read(line))
        except ValueError as error:
            bad.append(f"line {number}: {error}")
    if bad:
        raise BadLinesError("\n".join(bad))
    return events


def _read(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_BYTES:
        raise ValueError(f"is {len(line)} bytes long; an event has {MAX_BYTES} at most")
    try:
        decoded = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"is no JSON: {error}") from error
    if _nesting(line) > MAX_NESTING:
        raise ValueError(f"is nested deeper than {MAX_NESTING}")
    if type(decoded) is not dict:
        raise EventError(f"a domain event is a JSON object, this is {json_kind(decoded)}")
    if decoded.get("id") is None:
        decoded["id"] = str(uuid4())
    event = read_event(decoded, default_id="", default_timestamp_ms=0)
    if event.type not in BY_EVENT_TYPE:
        raise ValueError(f"no topic takes the type {event.type!r}; known are {', '.join(sorted(BY_EVENT_TYPE))}")
    return decoded


def _nesting(line: bytes) -> int:
    """Return how deep the brackets of a valid JSON text nest, not counting those inside strings."""
    deepest = depth = 0
    inside = escaped = False
    if line.count(b"[") + line.count(b"{") <= MAX_NESTING:
        return 0
    for byte in line:
        if inside:
            inside = escaped or byte != 0x22
            escaped = not escaped and byte == 0x5C
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
