"""A FlowDriver whose rows are those of a worker: decoded once per unit of commit, and lost with it in a crash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.state import ShardState
from engine import lifecycle
from engine.decider import Decider
from engine.due import DueIndex, change_timer
from engine.flow import FlowHead
from engine.shard_tables import ENTRIES, EXECUTIONS, SUBJECTS
from engine.types import ExecutionId
from tests.support.driver import FlowDriver


class UnitDriver(FlowDriver):
    """A shard that commits when it is told to."""

    def __init__(self, *flows: Mapping[str, Any], time_scale: float = 1.0, **more: Any) -> None:
        super().__init__(*flows, time_scale=time_scale, **more)
        self._scale = time_scale
        self._committed: dict[str, dict[bytes, bytes]] = {name: {} for name in (SUBJECTS, ENTRIES, EXECUTIONS)}
        self._open()
        self.commit()

    def _open(self) -> None:
        self._state = ShardState(self._committed)
        self.decider = Decider(self._state, self, self.entities, time_scale=self._scale)

    def commit(self) -> None:
        """Write what was decided since the last commit."""
        for table, writes in self._state.take().items():
            for key, row in writes.items():
                if row is None:
                    self._committed[table].pop(key, None)
                else:
                    self._committed[table][key] = row
        self._mark = dict(self.entities), len(self.feed), len(self.sent), self.now_ms, self.next_offset

    def crash(self) -> None:
        """Lose what was not committed, and build everything else from the rows again."""
        entities, fed, sent, self.now_ms, self.next_offset = self._mark
        self.entities = dict(entities)
        self.feed, self.sent = self.feed[:fed], self.sent[:sent]
        self.due = DueIndex()
        self._open()
        for _execution, waiting in self._state.waiting():
            for timer in waiting.timers:
                self.due.add(timer)
        for flow in self.flow_table.snapshot().flows.values():
            self._look_for_changes(flow.head)
        self.advance(0)

    def drain(self, flow_id: str) -> None:
        """Archive a flow, and let what runs go on."""
        self.set_status(flow_id, "archived", drain=True)

    def rows(self, table: str) -> Mapping[bytes, bytes]:
        """The committed rows of a table."""
        return self._committed[table]

    def _change(self, head: FlowHead) -> None:
        if self.is_ready:
            self.commit()  # a unit decides by one view of the flows
        super()._change(head)

    def _look_for_changes(self, head: FlowHead) -> None:
        if not self.is_ready:
            return
        if slot := self.decider.next_slot(self.flow_table.snapshot().flows[head.flow_id]):
            self.due.add(slot)
        for execution, waiting in self._state.waiting():
            if waiting.flow_id == head.flow_id:
                for at_ms in lifecycle.changes(
                    head, waiting.version, waiting.started_at_ms, is_stopped=waiting.is_stopped
                ):
                    self.due.add(change_timer(ExecutionId(execution), at_ms))
