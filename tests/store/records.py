"""Records as the worker writes them on the feed, and systems on the results topic, for tests of the audit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from store.audit.log_batch import LogBatch, LogRecord

TOPIC = "mal.executions"
AT_MS = 1_793_529_000_000
"""2026-11-01T10:30:00Z"""


def step(node: str = "n-1", *, status: str = "succeeded", **fields: Any) -> dict[str, Any]:
    return {
        "nodeId": node, "visit": 1, "try": 1, "type": "action", "subtype": "tag_contact", "status": status,
        "port": "out" if status == "succeeded" else None, "input": {"tag": "vip"}, "output": {}, "error": None,
        "commandIds": [], "startedAt": "2026-11-01T10:30:00Z",
        "finishedAt": "2026-11-01T10:30:00.125Z" if status != "running" else None, **fields,
    }  # fmt: skip


def execution(
    execution_id: str = "x-1", *, seq: int = 1, status: str = "succeeded", steps: Sequence[Any] = (), **fields: Any
) -> dict[str, Any]:
    ended = status != "running"
    return {
        "executionId": execution_id, "seq": seq, "flowId": "f-1", "flowVersion": 1, "userId": "user_001",
        "workspaceId": None, "subject": {"type": "contact", "id": "contact_789"}, "origin": "live", "status": status,
        "endReason": "completed" if ended else None,
        "trigger": {"eventId": "e-1", "type": "email_open", "source": "email_engine",
                    "timestamp": "2026-11-01T10:30:00Z", "causedBy": None, "depth": 0},
        "input": {"topic": "tap.email-engine.events", "partition": 3, "offset": 7}, "timeScale": 1.0,
        "startedAt": "2026-11-01T10:30:00Z", "finishedAt": "2026-11-01T10:30:01Z" if ended else None, "error": None,
        "steps": list(steps),
        "waiting": [] if ended else [{"nodeId": "n-2", "visit": 1, "until": None, "for": "delay"}],
        "progress": {"completedSteps": 1, "totalSteps": 2, "currentStatus": status},
        **({"path": [{"nodeId": "n-1", "visit": 1, "status": "succeeded", "port": "out"}]} if ended else {}), **fields,
    }  # fmt: skip


def decision(event_id: str = "e-1", **fields: Any) -> dict[str, Any]:
    return {
        "decision": "suppressed", "flowId": "f-1", "userId": "user_001", "workspaceId": None,
        "subject": {"type": "contact", "id": "contact_789"}, "eventId": event_id, "reason": "duplicate_event",
        "at": "2026-11-01T10:30:00Z", "type": "email_open", "source": "email_engine",
        "input": {"topic": "tap.email-engine.events", "partition": 3, "offset": 8}, "executionId": "x-1", **fields,
    }  # fmt: skip


def answer(command_id: str = "c-1", *, attempt: int = 1, status: str = "succeeded", **fields: Any) -> dict[str, Any]:
    return {
        "commandId": command_id, "attempt": attempt, "status": status, "retryable": False, "error": None,
        "output": {"messageId": "m-1"}, "finishedAt": "2026-11-01T10:31:00Z", **fields,
    }  # fmt: skip


def log(records: Iterable[Any], *, first: int = 0) -> list[LogRecord]:
    """Put records (objects, or bytes as they are) at offsets in a row."""
    return [
        LogRecord(offset, AT_MS + offset, record if isinstance(record, bytes | None) else orjson.dumps(record))
        for offset, record in enumerate(records, first)
    ]


def batch(
    records: Sequence[LogRecord], *, since: int | None = None, until: int | None = None, topic: str = TOPIC
) -> LogBatch:
    """Make one batch of all records, from the first to behind the last unless said otherwise."""
    since = records[0].offset if since is None else since
    return LogBatch(topic, 0, since, records[-1].offset + 1 if until is None else until, records)
