"""What is decided, as records to write: commands, the feed, facts for other shards. The decider's sink.

Knows the shape of every record the worker writes and its place in the log; decides nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final, Protocol

import orjson

from agents.tally import Tally
from engine.due import DueIndex, Timer
from engine.events import Event
from engine.inputs import Command, SubFlow
from engine.run import Run
from engine.systems import BY_COMMAND_TYPE
from engine.types import Json, Subject
from engine.wire import rfc3339
from streams.commands import encode_command
from streams.feed import fit_record
from streams.partitioner import partition_for
from streams.topics import ENTITIES, EXECUTIONS, TRIGGERS
from streams.trace_context import TRACEPARENT, TRACESTATE, Trace, read_trace, trace_headers
from streams.triggers import fact_record, manual_record
from streams.unit import Headers, Output

_JSON: Final = (("content-type", b"application/json"),)


log = logging.getLogger(__name__)


class Spans(Protocol):
    """Notes what goes out for a tracing collector (`agents.tracing`)."""

    def command(self, run: Run, command: Command, topic: str) -> Trace:
        """Note a command; return its place in the trace."""

    def moved(self, record: Mapping[str, Json]) -> None:
        """Note a record of the feed."""

    def committed(self) -> None:
        """Note that what was noted is committed."""


class ShardRecords:
    """Collects the outputs of one shard, and its timers.

    Args:
        partition: the shard. Commands and the feed go to the partition of the same number: the subject hashes there.
        partitions: how many there are, for facts that belong to another shard.
        due: the shard's timers.
        tally: counts what goes out.
        spans: notes it for a tracing collector; None where there is none.
    """

    def __init__(
        self, partition: int, partitions: int, due: DueIndex, tally: Tally, spans: Spans | None = None
    ) -> None:
        self._partition = partition
        self._partitions = partitions
        self._due = due
        self._tally = tally
        self._spans = spans
        self._tells = log.isEnabledFor(logging.DEBUG)
        self._outputs: list[Output] = []
        self._broadcasts: dict[str, dict[str, Json]] = {}
        self.now_ms = 0
        """The moment of the input being decided."""

    def take(self) -> list[Output]:
        """Return the outputs since the last take, each entity's facts once."""
        outputs = self._outputs
        outputs.extend(
            Output(ENTITIES, self._partition, key.encode(), orjson.dumps(row)) for key, row in self._broadcasts.items()
        )
        self._outputs, self._broadcasts = [], {}
        return outputs

    def write(self, output: Output) -> None:
        """Add a record that is made elsewhere: a dead letter, a re-keyed event."""
        self._outputs.append(output)

    def command(self, run: Run, command: Command) -> None:
        """Add a command, keyed by its subject."""
        event = run.event
        topic = BY_COMMAND_TYPE[command.type].commands_topic
        if topic is None:
            raise AssertionError(f"{command.type} has no topic")
        key, value, headers = encode_command({
            "id": command.id,
            "type": command.type,
            "target": command.target,
            "issuedAt": rfc3339(self.now_ms),
            "origin": run.origin,
            "userId": run.user_id,
            "workspaceId": run.workspace_id,
            "flowId": run.flow_id,
            "flowVersion": run.version,
            "executionId": run.id,
            "nodeId": command.node_id,
            "subject": {"type": command.subject.type, "id": command.subject.id},
            "attempt": command.attempt,
            "cause": {"eventId": event.id, "depth": event.depth + 1},
            "payload": command.payload,
        }, self._trace(run, command, topic))  # fmt: skip
        self._tally.commands[command.type] += 1
        if self._tells:
            ids = {"command_id": command.id, "attempt": command.attempt, "execution_id": run.id, "type": command.type}
            log.debug("command", extra={"shard": self._partition, **ids})
        self._outputs.append(Output(topic, self._partition, key, value, headers))

    def _trace(self, run: Run, command: Command, topic: str) -> Headers:
        """Return the trace a command belongs to: that of its trigger, passed on as it came where nobody traces here."""
        metadata = run.event.metadata
        if self._spans is not None:
            return trace_headers(self._spans.command(run, command, topic).wire(), metadata.get(TRACESTATE))
        parent = metadata.get(TRACEPARENT)
        return trace_headers(str(parent), metadata.get(TRACESTATE)) if read_trace(parent) else ()

    def committed(self) -> None:
        """Note that everything taken so far is committed."""
        if self._spans is not None:
            self._spans.committed()

    def record(self, subject: Subject | None, record: dict[str, Json]) -> None:
        """Add a record of the feed, keyed by its subject."""
        key = subject.id.encode() if subject else None
        self._tally.note_record(record)
        if self._tells:
            self._tell(record)
        if self._spans is not None:
            self._spans.moved(record)
        self._outputs.append(Output(EXECUTIONS, self._partition, key, fit_record(record), _JSON))

    def _tell(self, record: dict[str, Json]) -> None:
        """Log which execution moved, or what was decided of which event: ids and outcomes, no values."""
        trigger = record.get("trigger") or {"eventId": record.get("eventId")}
        ids = {
            "shard": self._partition, "flow_id": record["flowId"], "execution_id": record.get("executionId"),
            "event_id": trigger["eventId"],
        }  # fmt: skip
        if "decision" in record:
            log.debug("%s: %s", record["decision"], record["reason"], extra=ids)
        else:
            log.debug("execution is %s", record["status"], extra={**ids, "seq": record["seq"]})

    def fact(self, entity: Subject, event: Event) -> None:
        """Send a fact to the shard of its entity."""
        partition = partition_for(entity.id.encode(), self._partitions)
        key, value, headers = fact_record(event, entity)
        self._outputs.append(Output(TRIGGERS, partition, key, value, headers))

    def sub_flow(self, child: SubFlow) -> None:
        """Send a sub-flow to its subject, which lives in this shard."""
        key, value, headers = manual_record(child.flow_id, child.event, version=child.version)
        self._outputs.append(Output(TRIGGERS, self._partition, key, value, headers))

    def broadcast(self, key: str, row: dict[str, Json]) -> None:
        """Tell every shard the facts of a campaign, release or user."""
        self._broadcasts[key] = row

    def timer(self, run: Run | None, timer: Timer) -> None:  # noqa: ARG002 -- a sink's signature
        """Remember when an execution or a schedule is to be looked at."""
        self._due.add(timer)
