"""Counts what the demo sees on Kafka: events, commands, answers and the feed. Folds records; reads and prints nothing.

Reads the wire with code of its own (contract.md sections 2 to 4), so that it checks what the engine writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from engine.systems import BY_COMMAND_TYPE, SYSTEMS
from streams.topics import COMMAND_RESULTS, COMMAND_TOPICS, DEAD_LETTERS, EXECUTIONS, TRIGGERS

EVENT_TOPICS = frozenset(system.events_topic for system in SYSTEMS)
SEEN_TOPICS = EVENT_TOPICS | {*COMMAND_TOPICS, COMMAND_RESULTS, DEAD_LETTERS, EXECUTIONS, TRIGGERS}
RUNNING = "running"

Attempt = tuple[str, int]
"""A command's id and the number of the attempt."""
StepKey = tuple[str, str, int]
"""A step: execution, node, visit."""


class Execution(NamedTuple):
    """An execution as of its last record on the feed."""

    flow_id: str
    status: str
    seq: int
    event_id: str


@dataclass(slots=True)
class Census:
    """What was seen on Kafka so far."""

    events: Counter[str] = field(default_factory=Counter)
    """By system."""
    caused: set[str] = field(default_factory=set)
    """Ids of events that a command caused."""
    commands: Counter[Attempt] = field(default_factory=Counter)
    command_types: dict[str, str] = field(default_factory=dict)
    answers: Counter[Attempt] = field(default_factory=Counter)
    answer_statuses: Counter[str] = field(default_factory=Counter)
    executions: dict[str, Execution] = field(default_factory=dict)
    steps: set[StepKey] = field(default_factory=set)
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By what was decided and why."""
    dead_letters: int = 0
    gaps: int = 0
    """Records of the feed whose seq is not one more than that of the record before."""
    next_offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    """By topic and partition: one beyond the last record seen."""

    def take(self, topic: str, partition: int, offset: int, value: bytes | None) -> None:
        """Count one record."""
        self.next_offsets[topic, partition] = offset + 1
        if topic == DEAD_LETTERS:
            self.dead_letters += 1
        elif value is not None and topic != TRIGGERS:
            record = orjson.loads(value)
            if topic in EVENT_TOPICS:
                self._event(record)
            elif topic in COMMAND_TOPICS:
                self._command(record)
            elif topic == COMMAND_RESULTS:
                self.answers[record["commandId"], record["attempt"]] += 1
                self.answer_statuses[record["status"]] += 1
            elif topic == EXECUTIONS:
                self._fed(record)

    @property
    def running(self) -> int:
        """Return how many executions have not ended."""
        return sum(execution.status == RUNNING for execution in self.executions.values())

    @property
    def matched(self) -> int:
        """Return how many events started an execution."""
        return len({execution.event_id for execution in self.executions.values()})

    @property
    def commands_by_system(self) -> Mapping[tuple[str, str], int]:
        """Return how many commands there were, by system and type."""
        return Counter((BY_COMMAND_TYPE[kind].name, kind) for kind in self.command_types.values())

    @property
    def executions_by_flow(self) -> Mapping[tuple[str, str], int]:
        """Return how many executions there were, by flow id and status."""
        return Counter((execution.flow_id, execution.status) for execution in self.executions.values())

    def _event(self, record: Mapping[str, Any]) -> None:
        self.events[record["source"]] += 1
        if record["metadata"].get("causedBy"):
            self.caused.add(record["id"])

    def _command(self, record: Mapping[str, Any]) -> None:
        self.commands[record["id"], record["attempt"]] += 1
        self.command_types[record["id"]] = record["type"]

    def _fed(self, record: Mapping[str, Any]) -> None:
        if "decision" in record:
            self.decisions[record["decision"], record["reason"]] += 1
            return
        execution_id, seq = record["executionId"], record["seq"]
        before = self.executions.get(execution_id)
        self.gaps += seq != (before.seq if before else 0) + 1
        self.executions[execution_id] = Execution(record["flowId"], record["status"], seq, record["trigger"]["eventId"])
        for step in record["steps"]:
            self.steps.add((execution_id, step["nodeId"], step["visit"]))
