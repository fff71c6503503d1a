"""What is decided, as records to write: commands, the feed, facts for other shards. The decider's sink.

Knows the shape of every record the worker writes and its place in the log; decides nothing.
"""

from __future__ import annotations

from typing import Final

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
from streams.triggers import fact_record, manual_record
from streams.unit import Output

_JSON: Final = (("content-type", b"application/json"),)


class ShardRecords:
    """Collects the outputs of one shard, and its timers.

    Args:
        partition: the shard. Commands and the feed go to the partition of the same number: the subject hashes there.
        partitions: how many there are, for facts that belong to another shard.
        due: the shard's timers.
        tally: counts what goes out.
    """

    def __init__(self, partition: int, partitions: int, due: DueIndex, tally: Tally) -> None:
        self._partition = partition
        self._partitions = partitions
        self._due = due
        self._tally = tally
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
        })  # fmt: skip
        topic = BY_COMMAND_TYPE[command.type].commands_topic
        if topic is None:
            raise AssertionError(f"{command.type} has no topic")
        self._tally.commands[command.type] += 1
        self._outputs.append(Output(topic, self._partition, key, value, headers))

    def record(self, subject: Subject | None, record: dict[str, Json]) -> None:
        """Add a record of the feed, keyed by its subject."""
        key = subject.id.encode() if subject else None
        self._tally.note_record(record)
        self._outputs.append(Output(EXECUTIONS, self._partition, key, fit_record(record), _JSON))

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
