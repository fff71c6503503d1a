"""FlowDriver: flows, events and time on a virtual clock, through the engine that serves live traffic.

Four verbs: `send` an event, `advance` the clock, and look at `commands` and `feed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from engine import lifecycle
from engine.decider import Decider
from engine.due import CHANGE_RANK, SLOT_RANK, DueIndex, Timer, change_timer
from engine.events import Event, read_event
from engine.flow import FlowHead, FlowStatus, FlowVersion, LimitsRecord, Policy, StatusChange, VersionHead
from engine.inputs import Answered, Command, Held, Moment, SubFlow
from engine.matching import FlowTable
from engine.run import Run
from engine.shard_tables import EXECUTIONS
from engine.sink import Source
from engine.types import ExecutionId, FlowId, NodeId, Subject, Verb
from engine.wire import parse_rfc3339

START_MS = 1_790_000_000_000
"""Where the virtual clock starts: 2026-09-21."""


class MemoryTables:
    """The tables of a shard as dicts of bytes: every row goes through JSON, so what does not survive that shows."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, bytes]] = {}

    def get(self, table: str, key: str) -> dict[str, Any] | None:
        row = self.rows.get(table, {}).get(key)
        return None if row is None else plain(row)

    def put(self, table: str, key: str, row: dict[str, Any]) -> None:
        self.rows.setdefault(table, {})[key] = orjson.dumps(row)

    def delete(self, table: str, key: str) -> None:
        self.rows.get(table, {}).pop(key, None)


def plain(encoded: bytes) -> Any:
    """Decode a value."""
    return orjson.loads(encoded)


class FlowDriver:
    """A shard on a virtual clock.

    Args:
        flows: published versions, as `FlowVersion`s or dicts of its wire shape; in force from the start.
        limits: of users and workspaces.
        time_scale: MAL_TIME_SCALE.
        all_facts: MAL_FACTS=all.
        offset: of the first record.
    """

    def __init__(
        self,
        *flows: FlowVersion | Mapping[str, Any],
        limits: Iterable[LimitsRecord] = (),
        time_scale: float = 1.0,
        all_facts: bool = False,
        offset: int = 0,
    ) -> None:
        self.now_ms = START_MS
        self.late_ms = 0
        """How far the wall clock is ahead of the log."""
        self.tables = MemoryTables()
        self.entities: dict[str, dict[str, Any]] = {}
        self.due = DueIndex()
        self.feed: list[dict[str, Any]] = []
        self.sent: list[tuple[Run, Command]] = []
        self.paused_at: dict[str, int] = {}
        """Where in the feed each flow was paused last."""
        self.sub_flows: list[SubFlow] = []
        self.facts_elsewhere: list[tuple[Subject, Event]] = []
        self.is_ready = False
        """Flows given at the start are as old as time: their slots are not looked for."""
        self.flow_table = FlowTable()
        for flow in flows:
            self.publish(flow, at_ms=0)
        for record in limits:
            self.flow_table.put_limits(record)
        self.decider = Decider(self.tables, self, self.entities, time_scale=time_scale, all_facts=all_facts)
        self.next_offset = offset
        self.log: dict[int, tuple[Event, bool, int | None]] = {}
        """Events by their offset, whether they were to start a flow by hand, and in which version if one was named."""
        self.is_ready = True

    # ---- verbs

    def publish(self, flow: FlowVersion | Mapping[str, Any], at_ms: int | None = None, policy: Policy = "pin") -> None:
        """Put a version in force."""
        version = flow if isinstance(flow, FlowVersion) else FlowVersion.model_validate(flow)
        at = self.now_ms if at_ms is None else at_ms
        self.flow_table.put_version(version)
        known = self.flow_table.snapshot().flows.get(version.flow_id)
        heads = known.head.versions if known else ()
        statuses = known.head.statuses if known else ()
        if not statuses or statuses[-1].status == "archived":  # what is paused stays so
            statuses = (*statuses, StatusChange(status="published", at_ms=at))
        self._change(
            FlowHead(
                flow_id=version.flow_id,
                latest=version.version,
                versions=(*heads, VersionHead(version=version.version, policy=policy, effective_from_ms=at)),
                statuses=statuses,
            )
        )

    def send(self, event: Mapping[str, Any], origin: Any = "live") -> Event:
        """Decide one event, after the waits that are over before it."""
        offset = self._take_offset()
        read = read_event(dict(event), default_id=f"event-{offset}", default_timestamp_ms=self.now_ms)
        self.log[offset] = read, False, None
        self.decider.event(read, self._source(offset), self.flow_table.snapshot(), self.moment, origin)
        self._carry()
        return read

    def answer(
        self,
        number: int = -1,
        status: str = "succeeded",
        *,
        attempt: int | None = None,
        retryable: bool = False,
        error: Any = None,
        output: Any = None,
    ) -> None:
        """Decide the answer to a command that was sent, the last one if nothing else is said."""
        _run, command = self.sent[number]
        self.decider.answer(
            command.subject.id,
            Answered(command.id, attempt or command.attempt, status == "succeeded", retryable, error, output),
            self._source(self._take_offset()),
            self.flow_table.snapshot(),
            self.moment,
        )
        self._carry()

    def set_status(self, flow_id: str, status: FlowStatus, *, at_ms: int | None = None, drain: bool = False) -> None:
        """Pause, resume or archive a flow, with what that means for what runs."""
        known = self.flow_table.snapshot().flows[FlowId(flow_id)].head
        if status == "paused":
            self.paused_at[flow_id] = len(self.feed)
        change = StatusChange(status=status, at_ms=self.now_ms if at_ms is None else at_ms, drain=drain)
        self._change(known.model_copy(update={"statuses": (*known.statuses, change)}))

    def archive(self, flow_id: str) -> None:
        """Archive a flow: nothing enters any more, and what runs is ended."""
        self.set_status(flow_id, "archived")

    def _change(self, head: FlowHead) -> None:
        """Take a head, and give what runs of it a timer at each change, as a worker does that hears of one."""
        self.flow_table.put_head(head)
        self._look_for_changes(head)
        self.advance(0)

    def _look_for_changes(self, head: FlowHead) -> None:
        if self.is_ready and (slot := self.decider.next_slot(self.flow_table.snapshot().flows[head.flow_id])):
            self.due.add(slot)
        for row in self.tables.rows.get(EXECUTIONS, {}).values():
            run = Run.from_row(plain(row))
            if run.flow_id == head.flow_id:
                for at_ms in lifecycle.changes(head, run.version, run.started_at_ms, is_stopped=bool(run.stopped)):
                    self.due.add(change_timer(run.id, at_ms))

    def trigger(self, flow_id: str, event: Mapping[str, Any]) -> Event:
        """Start one flow by hand."""
        offset = self._take_offset()
        read = read_event(dict(event), default_id=f"event-{offset}", default_timestamp_ms=self.now_ms)
        self.log[offset] = read, True, None
        self.decider.manual(FlowId(flow_id), read, self._source(offset), self.flow_table.snapshot(), self.moment)
        self._carry()
        return read

    def pause(self, flow_id: str = "flow-1") -> None:
        """Pause a flow."""
        self.set_status(flow_id, "paused")

    def resume(self, flow_id: str = "flow-1", *, until: int | None = None) -> None:
        """Resume a flow, and have it take what the pause held again, up to a number of matches."""
        since = self.feed[self.paused_at.get(flow_id, 0) :]
        self.set_status(flow_id, "published")
        held = [
            one for one in since
            if (one.get("decision"), one.get("reason"), one["flowId"]) == ("held", "paused", flow_id)
            and "input" in one  # the clock takes its slots again itself
        ]  # fmt: skip
        for one in held[:until]:
            offset = one["input"]["offset"]
            event, by_hand, version = self.log[offset]
            told = Held(parse_rfc3339(one["at"]), by_hand, version)
            index = self.flow_table.snapshot()
            self.decider.resumed(FlowId(flow_id), event, told, self._source(offset), index, self.moment)
            self._carry()

    def control(
        self, verb: Verb, execution: str | None = None, *, owner: tuple[str | None, str | None] | None = None
    ) -> None:
        """Have an execution paused, resumed, cancelled or retried; the one that started last where none is named.

        Args:
            verb: what is wanted.
            execution: of which.
            owner: user and workspace who want it; None: those whose it is.
        """
        executions = self.executions
        known = next((one for one in executions if one["executionId"] == execution), executions[-1])
        named = ExecutionId(execution or known["executionId"])
        offset = self._take_offset()
        subject = known["subject"]
        user_id, workspace_id = owner or (known["userId"], known["workspaceId"])
        wish = {
            "type": f"execution_{verb}", "source": "mal",
            "metadata": {"userId": user_id, "workspaceId": workspace_id},
            "payload": {"entityType": subject["type"], "entityId": subject["id"], "executionId": named},
        }  # fmt: skip
        read = read_event(wish, default_id=f"event-{offset}", default_timestamp_ms=self.now_ms)
        self.decider.control(verb, named, read, self._source(offset), self.flow_table.snapshot(), self.moment)
        self._carry()

    def advance(self, seconds: float) -> None:
        """Let time pass; waits that are over fire in their order, each at its own time."""
        self._fire_until(self.now_ms + round(seconds * 1000))

    def send_after(self, seconds: float, event: Mapping[str, Any]) -> Event:
        """Let time pass, and decide an event before the waits that are over at its very moment."""
        at_ms = self.now_ms + round(seconds * 1000)
        self._fire_until(at_ms - 1)
        self.now_ms = at_ms
        sent = self.send(event)
        self.advance(0)
        return sent

    def _fire_until(self, until_ms: int) -> None:
        while (due_ms := self.due.next_due_ms()) is not None and due_ms <= until_ms:
            self.now_ms = max(self.now_ms, due_ms)
            timer = self.due.pop()
            index = self.flow_table.snapshot()
            if timer.rank == CHANGE_RANK:
                self.decider.change(timer.execution, index, self.moment)
            elif timer.rank == SLOT_RANK:
                self.decider.slot(FlowId(timer.node_id), index, self.moment)
            else:
                self.decider.timer(timer.execution, timer.node_id, timer.visit, index, self.moment)
            self._carry()
        self.now_ms = until_ms

    @property
    def moment(self) -> Moment:
        """Now, on both clocks."""
        return Moment(self.now_ms, self.now_ms + self.late_ms)

    @property
    def commands(self) -> list[dict[str, Any]]:
        """What was sent, as type, subject and payload."""
        return [
            {"type": command.type, "subject": command.subject.id, "payload": plain(orjson.dumps(command.payload))}
            for _run, command in self.sent
        ]

    @property
    def executions(self) -> list[dict[str, Any]]:
        """The newest record of each execution, in the order in which they started."""
        newest = {record["executionId"]: record for record in self.feed if "seq" in record}
        return list(newest.values())

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """What was held back."""
        return [record for record in self.feed if "decision" in record]

    def steps(self, ref_or_id: str | None = None) -> list[dict[str, Any]]:
        """The steps of all records, or those of one node."""
        steps = [step for record in self.feed for step in record.get("steps", ())]
        return steps if ref_or_id is None else [step for step in steps if step["nodeId"] == ref_or_id]

    def take_over(self, other: FlowDriver) -> None:
        """Go on where another shard stopped: its rows, its timers as the rows tell them, and what it told."""
        self.tables.rows = {table: dict(rows) for table, rows in other.tables.rows.items()}
        self.entities.update(other.entities)
        self.feed, self.sent = list(other.feed), list(other.sent)
        self.paused_at = dict(other.paused_at)
        for row in self.tables.rows.get(EXECUTIONS, {}).values():
            run = Run.from_row(plain(row))
            for (node_id, visit), wait in run.waits.items():
                self.due.add(Timer(wait.until_ms, run.id, wait.rank, visit, NodeId(node_id)))
        for flow in self.flow_table.snapshot().flows.values():
            self._look_for_changes(flow.head)

    # ---- the decider's sink

    def command(self, run: Run, command: Command) -> None:
        self.sent.append((run, command))

    def record(self, subject: Subject | None, record: dict[str, Any]) -> None:
        self.feed.append(plain(orjson.dumps(record)))

    def fact(self, entity: Subject, event: Event) -> None:
        self.facts_elsewhere.append((entity, event))

    def sub_flow(self, child: SubFlow) -> None:
        self.sub_flows.append(child)

    def broadcast(self, key: str, row: dict[str, Any]) -> None:
        self.entities[key] = plain(orjson.dumps(row))

    def timer(self, run: Run | None, timer: Timer) -> None:
        self.due.add(timer)

    def _carry(self) -> None:
        while self.facts_elsewhere:
            entity, event = self.facts_elsewhere.pop(0)
            self.decider.fact(entity, event, self.flow_table.snapshot(), self.moment)
        while self.sub_flows:
            child = self.sub_flows.pop(0)
            offset, index = self._take_offset(), self.flow_table.snapshot()
            source = self._source(offset)
            self.log[offset] = child.event, True, child.version
            self.decider.manual(child.flow_id, child.event, source, index, self.moment, child.version)

    def _take_offset(self) -> int:
        self.next_offset += 1
        return self.next_offset - 1

    @staticmethod
    def _source(offset: int) -> Source:
        return Source("tap.test.events", 0, offset)
