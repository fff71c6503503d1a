"""What the feed and the commands topics say of a time range, compared: each command stands in a step, and each of a
step's commands is there, once. Also what the audit must hold of it.

Feed and commands of one decision are written within seconds, mostly in one transaction. So what belongs to the range
is looked for a minute beyond it on both sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from engine.types import Json
from streams.events import Record
from streams.reading import read_between
from streams.topics import COMMAND_TOPICS, EXECUTIONS

MARGIN_MS: Final = 60_000


@dataclass(slots=True)
class Ledger:
    """What was found; `from_ms` and `to_ms` bound the range, the latter not in it."""

    from_ms: int
    to_ms: int
    executions: dict[str, int] = field(default_factory=dict)
    """The last seq of each execution that moved in the range, where the audit has read so far."""
    steps: set[tuple[str, str, int]] = field(default_factory=set)
    """Execution, node and visit of each step, likewise."""
    decisions: set[tuple[int, int]] = field(default_factory=set)
    """Partition and offset of each decision, likewise."""
    unwritten: int = 0
    """Records that the audit has not read yet."""
    gaps: set[str] = field(default_factory=set)
    """Executions with a record missing on the feed."""
    repeated: set[str] = field(default_factory=set)
    """Executions with a record on the feed that is there again."""
    records: int = 0
    _told: dict[str, str] = field(default_factory=dict)
    _told_around: set[str] = field(default_factory=set)
    _sent: dict[str, str] = field(default_factory=dict)
    _attempts: Counter[tuple[str, int]] = field(default_factory=Counter)
    _sent_around: set[str] = field(default_factory=set)
    _cut: set[str] = field(default_factory=set)
    _seqs: dict[str, int] = field(default_factory=dict)

    @property
    def commands(self) -> int:
        """How many commands were sent in the range."""
        return len(self._sent)

    def unsent(self) -> list[str]:
        """Return the commands that a step in the range made and that no commands topic has."""
        return sorted(self._told.keys() - self._sent_around)

    def untold(self) -> list[str]:
        """Return the commands in the range that no step on the feed made."""
        return sorted(
            command
            for command, execution in self._sent.items()
            if command not in self._told_around and execution not in self._cut
        )

    def twice(self) -> list[str]:
        """Return the commands of which one attempt was sent more than once in the range."""
        return sorted({command for (command, _attempt), times in self._attempts.items() if times > 1})

    def take_feed(self, record: Record, audited: bool) -> None:
        """Take a record of the feed; one that is not ours is the audit's business."""
        said = _object(record.value)
        inside = self._has(record)
        self.records += inside
        if inside and not audited:
            self.unwritten += 1
        if "decision" in said:
            if inside and audited:
                self.decisions.add((record.partition, record.offset))
            return
        execution, seq = said.get("executionId"), said.get("seq")
        if type(execution) is not str or type(seq) is not int:
            return
        before = self._seqs.get(execution)
        self._seqs[execution] = seq
        if inside and before is not None and seq != before + 1:
            (self.repeated if seq <= before else self.gaps).add(execution)
        if said.get("truncated"):
            self._cut.add(execution)
        if inside and audited:
            self.executions[execution] = max(seq, self.executions.get(execution, 0))
        for step in said.get("steps") or ():
            if inside and audited:
                self.steps.add((execution, step["nodeId"], step["visit"]))
            for command in step.get("commandIds") or ():
                self._told_around.add(command)
                if inside:
                    self._told[command] = execution

    def take_command(self, record: Record) -> None:
        """Take a record of a commands topic."""
        said = _object(record.value)
        command, execution = said.get("id"), said.get("executionId")
        if type(command) is not str or type(execution) is not str:
            return
        self._sent_around.add(command)
        if self._has(record):
            self._sent[command] = execution
            attempt = said.get("attempt")
            self._attempts[command, attempt if type(attempt) is int else 1] += 1

    def _has(self, record: Record) -> bool:
        return self.from_ms <= record.timestamp < self.to_ms


async def keep_ledger(
    kafka: Mapping[str, Any], from_ms: int, to_ms: int, audited: Callable[[int], int | None]
) -> Ledger:
    """Read the feed and the commands topics of a time range.

    Args:
        kafka: the arguments of any aiokafka client.
        from_ms: when it begins, by the timestamps of records.
        to_ms: when it ends, not in it.
        audited: the next offset of a partition of the feed that the audit has not read; None where it reads nothing.

    Raises:
        KafkaError: Kafka is away, or has not our topics.
        TimeoutError: Kafka gave nothing for 30 seconds.
    """
    ledger = Ledger(from_ms, to_ms)

    def take(record: Record) -> None:
        if record.topic == EXECUTIONS:
            upto = audited(record.partition)
            ledger.take_feed(record, audited=upto is not None and record.offset < upto)
        else:
            ledger.take_command(record)

    await read_between(kafka, (EXECUTIONS, *COMMAND_TOPICS), from_ms - MARGIN_MS, to_ms + MARGIN_MS, take)
    return ledger


def _object(value: bytes | None) -> dict[str, Json]:
    try:
        said = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return said if type(said) is dict else {}
