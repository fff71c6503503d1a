"""One record of the feed or of the answers, as rows. The shapes are those of contract.md sections 3 and 4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from engine.problems import kind_of
from engine.types import Json
from store.audit import reading
from store.audit.log_batch import LogRecord
from store.audit.reading import ForeignRecordError
from store.audit.tables import Row

PLACES: Final = 10_000
"""`ordinal` is the seq of a step's first record times this, plus its place there; a record has 1,000 steps at most."""

_EXECUTION: Final = frozenset({
    "executionId", "seq", "flowId", "flowVersion", "userId", "workspaceId", "subject", "origin", "status", "endReason",
    "trigger", "input", "error", "waiting", "path", "progress", "steps", "startedAt", "finishedAt",
})  # fmt: skip
_STEP: Final = frozenset({
    "nodeId", "visit", "try", "type", "subtype", "status", "port", "reason", "input", "output", "error", "commandIds",
    "startedAt", "finishedAt",
})  # fmt: skip
_DECISION: Final = frozenset({
    "decision", "reason", "flowId", "executionId", "userId", "workspaceId", "subject", "eventId", "type", "source",
    "input", "at",
})  # fmt: skip
_ANSWER: Final = frozenset({"commandId", "attempt", "status", "retryable", "error", "output", "finishedAt"})


class ExecutionKey(NamedTuple):
    """Where an execution stands: its start never changes, and names the month."""

    id: str
    started_at: datetime


def execution_rows(record: Mapping[str, Json]) -> tuple[ExecutionKey, int, Row, dict[tuple[str, int], Row]]:
    """Return key, seq and row of an execution, and the rows of its steps by node and visit.

    Raises:
        ForeignRecordError: it is no record of an execution.
    """
    key = ExecutionKey(reading.identity(record, "executionId"), reading.moment(record, "startedAt"))
    seq = reading.number(record, "seq")
    subject_type, subject_id = reading.subject(record)
    if subject_type is None or record.get("trigger") is None:
        raise ForeignRecordError("an execution has a subject and a trigger")
    row = (
        key.id, seq, reading.identity(record, "flowId"), reading.number(record, "flowVersion"),
        reading.text_or_none(record, "userId"), reading.text_or_none(record, "workspaceId"), subject_type, subject_id,
        reading.text(record, "origin"), reading.text(record, "status"), reading.text_or_none(record, "endReason"),
        reading.json_or_none(record["trigger"]), reading.json_or_none(record.get("input")),
        reading.json_or_none(record.get("error")), reading.json_or_none(record.get("waiting") or []),
        reading.json_or_none(record.get("path")), reading.json_or_none(record.get("progress")),
        reading.rest(record, _EXECUTION), key.started_at, reading.moment_or_none(record, "finishedAt"),
    )  # fmt: skip
    return key, seq, row, dict(_step_rows(key, seq, record.get("steps") or []))


def decision_row(record: Mapping[str, Json], topic: str, partition: int, offset: int) -> tuple[datetime, Row]:
    """Return when something was held back, and its row.

    Raises:
        ForeignRecordError: it is no record of a decision.
    """
    at = reading.moment(record, "at")
    flow_id = None if record.get("flowId") is None else reading.identity(record, "flowId")
    return at, (
        reading.text(record, "decision"), reading.text(record, "reason"), flow_id,
        reading.text_or_none(record, "executionId"), reading.text_or_none(record, "userId"),
        reading.text_or_none(record, "workspaceId"), *reading.subject(record), reading.text_or_none(record, "eventId"),
        reading.text_or_none(record, "type"), reading.text_or_none(record, "source"),
        reading.json_or_none(record.get("input")), reading.rest(record, _DECISION), at, topic, partition, offset,
    )  # fmt: skip


def answer_row(record: Mapping[str, Json], written: LogRecord) -> tuple[tuple[str, int], Row]:
    """Return command id and attempt of an answer, and its row.

    Raises:
        ForeignRecordError: it is no answer.
    """
    key = reading.identity(record, "commandId"), reading.number(record, "attempt")
    retryable = record.get("retryable")
    if retryable is not None and not isinstance(retryable, bool):
        raise ForeignRecordError(f"retryable is {kind_of(retryable)}, not true or false")
    return key, (
        *key, reading.text(record, "status"), retryable, reading.json_or_none(record.get("error")),
        reading.json_or_none(record.get("output")), reading.rest(record, _ANSWER),
        reading.moment_or_none(record, "finishedAt"), datetime.fromtimestamp(written.timestamp_ms / 1000, UTC),
    )  # fmt: skip


def _step_rows(key: ExecutionKey, seq: int, steps: Json) -> Iterator[tuple[tuple[str, int], Row]]:
    if not isinstance(steps, list):
        raise ForeignRecordError(f"steps is {kind_of(steps)}, not a list")
    for place, step in enumerate(steps):
        if not isinstance(step, dict):
            raise ForeignRecordError(f"a step is {kind_of(step)}, not an object")
        command_ids = step.get("commandIds") or []
        if not isinstance(command_ids, list) or not all(isinstance(each, str) for each in command_ids):
            raise ForeignRecordError(f"commandIds is {kind_of(command_ids)}, not a list of ids")
        step_key = reading.identity(step, "nodeId"), reading.number(step, "visit")
        yield step_key, (
            key.id, *step_key, seq, seq * PLACES + place, reading.number(step, "try"), reading.text(step, "type"),
            reading.text(step, "subtype"), reading.text(step, "status"), reading.text_or_none(step, "port"),
            reading.text_or_none(step, "reason"), reading.json_or_none(step.get("input")),
            reading.json_or_none(step.get("output")), reading.json_or_none(step.get("error")), command_ids,
            reading.rest(step, _STEP), reading.moment_or_none(step, "startedAt"),
            reading.moment_or_none(step, "finishedAt"), key.started_at,
        )  # fmt: skip
