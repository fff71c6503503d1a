"""The shapes on the execution feed (contract.md section 4) as models: for descriptions, and for whoever reads it.

The engine builds the records; nothing on the way of an event uses these.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from engine.types import ExecutionStatus, Origin, StepStatus
from engine.wire import Wire


class Told(Wire):
    """A shape that others read: fields may be added to it, so one that is not known is passed over."""

    model_config = ConfigDict(extra="ignore")


class FeedSubject(Told):
    """Who or what an execution is about."""

    type: str
    id: str


class FeedTrigger(Told):
    """The event that started an execution."""

    event_id: str
    type: str
    source: str
    timestamp: str
    caused_by: Any = None
    depth: int = 0
    traceparent: str | None = None


class FeedInput(Told):
    """Where the record lies that moved an execution."""

    topic: str
    partition: int
    offset: int


class FeedError(Told):
    """What went wrong."""

    code: str
    message: str
    node_id: str | None = None
    field: str | None = None
    value: Any = None


class FeedStep(Told):
    """A step that moved. An `input` or `output` beyond 4 KiB is cut and marked `truncated`, and so is the step."""

    node_id: str
    visit: int
    try_: int = Field(alias="try")
    type: str
    subtype: str
    status: StepStatus
    port: str | None = None
    input: Any = None
    output: Any = None
    error: FeedError | None = None
    command_ids: tuple[str, ...] = ()
    started_at: str | None = None
    finished_at: str | None = None
    truncated: bool = False


class FeedWait(Told):
    """What an execution waits for."""

    node_id: str
    visit: int
    until: str | None = None
    for_: str = Field(alias="for")


class FeedPathStep(Told):
    """One step of the whole way, on the record that ends an execution."""

    node_id: str
    visit: int
    status: StepStatus
    port: str | None = None


class Progress(Told):
    """How far an execution is."""

    completed_steps: int
    total_steps: int
    current_status: ExecutionStatus


class ExecutionRecord(Told):
    """An execution moved. `seq` counts from 1 for each execution."""

    execution_id: str
    seq: int = Field(ge=1)
    flow_id: str
    flow_version: int
    user_id: str | None
    workspace_id: str | None
    subject: FeedSubject
    origin: Origin
    status: ExecutionStatus
    end_reason: str | None
    trigger: FeedTrigger
    input: FeedInput | None = None
    time_scale: float = 1.0
    started_at: str
    finished_at: str | None
    error: FeedError | None
    steps: tuple[FeedStep, ...]
    waiting: tuple[FeedWait, ...]
    progress: Progress
    path: tuple[FeedPathStep, ...] | None = None
    truncated: bool = False


class DecisionRecord(Told):
    """Something was held back, and why, or a goal was counted. `flowId` is null where no flow was reached.

    `nodeId` names a message's node. `applied`: a shard says, because it was asked, that a flow is paused or published
    there; `reason` is which.
    """

    decision: Literal["suppressed", "held", "counted", "applied"]
    flow_id: str | None
    user_id: str | None
    workspace_id: str | None
    subject: FeedSubject | None
    event_id: str
    reason: str
    at: str
    type: str
    source: str
    input: FeedInput | None = None
    execution_id: str | None = None
    node_id: str | None = None
    visit: int | None = None
    flow_version: int | None = None
    until: str | None = None
    for_: str | None = Field(default=None, alias="for")
    command_id: str | None = None
    attempt: int | None = None
    truncated: bool = False
