"""What the feed is told of events beside the moves of executions: what was held, suppressed or counted, and why.

Knows how it is told, never when: the reason comes from whoever decided.
"""

from __future__ import annotations

from typing import Literal

from engine import feed
from engine.events import Event
from engine.inputs import Moment
from engine.sink import Sink, Source
from engine.types import ExecutionId, FlowId

Decided = Literal["held", "suppressed", "counted"]


class Decisions:
    """Tells the feed what became of events.

    Args:
        sink: takes the records.
    """

    __slots__ = ("_sink",)

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def suppress(
        self,
        event: Event,
        source: Source | None,
        reason: str,
        moment: Moment,
        flow_id: FlowId | None = None,
        *,
        execution: ExecutionId | None = None,
    ) -> None:
        """Tell that an event changes nothing, in general or for one flow or execution."""
        self._tell("suppressed", reason, event, source, moment, flow_id, execution)

    def hold(self, flow_id: FlowId, event: Event, source: Source | None, moment: Moment) -> None:
        """Tell what a paused flow would have taken: from the feed it is taken again on resume."""
        self._tell("held", "paused", event, source, moment, flow_id, None)

    def count_goal(self, flow_id: FlowId, execution: ExecutionId, event: Event, source: Source, moment: Moment) -> None:
        """Tell that an event reaches the goal of a flow, for one of its executions."""
        self._tell("counted", "goal", event, source, moment, flow_id, execution)

    def _tell(
        self,
        decided: Decided,
        reason: str,
        event: Event,
        source: Source | None,
        moment: Moment,
        flow_id: FlowId | None,
        execution: ExecutionId | None,
    ) -> None:
        wire = source.wire() if source else None
        record = feed.decision_record(decided, reason, event, wire, moment.now_ms, flow_id)
        if execution is not None:
            record["executionId"] = execution
        self._sink.record(event.subject, record)
