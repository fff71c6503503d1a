"""Records as a consumer gives them, for tests that need no broker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aiokafka import ConsumerRecord

from streams.events import Record
from streams.unit import Output

TOPIC = "tap.email-engine.events"
AT_MS = 1_793_528_999_123
OPEN: dict[str, Any] = {
    "id": "e-1",
    "type": "email_open",
    "source": "email_engine",
    "timestamp": "2026-11-01T10:30:00Z",
    "payload": {"contactId": "contact_789", "campaignId": "campaign_456"},
    "metadata": {"userId": "user_001", "workspaceId": None},
}


def record(
    value: bytes | dict[str, Any] | None,
    headers: Sequence[tuple[str, bytes | None]] = (),
    *,
    key: bytes | None = b"contact_789",
    topic: str = TOPIC,
    partition: int = 2,
    offset: int = 41,
    timestamp: int = AT_MS,
) -> Record:
    """Return a record; an object is written as JSON."""
    content = json.dumps(value).encode() if isinstance(value, dict) else value
    found: Record = ConsumerRecord(topic, partition, offset, timestamp, 0, key, content, None, -1, -1, tuple(headers))
    return found


def written(output: Output, *, offset: int = 7) -> Record:
    """Return an output as whoever reads its topic gets it."""
    timestamp = AT_MS + 60_000 if output.timestamp_ms is None else output.timestamp_ms
    return record(
        output.value,
        output.headers,
        key=output.key,
        topic=output.topic,
        partition=output.partition,
        offset=offset,
        timestamp=timestamp,
    )
