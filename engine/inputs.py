"""What can move an execution, and what a move answers: the vocabulary of `interpreter.step`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.events import Event
from engine.flow import Limits
from engine.nodes.base import Failed
from engine.run import Counts, Run
from engine.types import CommandId, EndReason, ExecutionId, FlowId, Json, NodeId, Origin, Subject


@dataclass(frozen=True, slots=True)
class Moment:
    """When an input is decided, in milliseconds since the epoch.

    `now_ms` is the shard's clock (log time), the `now` of every step. `wall_ms` is the wall clock of the worker, read
    once by the shell: a wait that is decided late counts from it (product.md section 2, Time).
    """

    now_ms: int
    wall_ms: int


@dataclass(frozen=True, slots=True)
class Started:
    """An event that matched: it starts an execution."""

    event: Event
    origin: Origin
    limits: Limits
    time_scale: float = 1.0
    used: Counts | None = None
    """What the family of a sub-flow has used of the limits so far."""
    parent: ExecutionId | None = None
    """The execution that waits for the end of the one that starts."""
    is_pinned: bool = False
    """Whether the version was named, rather than the one in force."""


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A wait of a node is over."""

    node_id: NodeId
    visit: int


@dataclass(frozen=True, slots=True)
class EventHeard:
    """An event of the subject, after the one that started the execution.

    `reaches_goal` says that it is the goal of the flow, which ends with it (`goal.exit`).
    """

    event: Event
    reaches_goal: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """A system said how an attempt at a command went."""

    command_id: CommandId
    attempt: int
    succeeded: bool
    retryable: bool
    error: Json
    output: Json


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """A sub-flow that the execution waits for has ended, or was not to be started: `failed` says that, and why."""

    execution: ExecutionId
    output: dict[str, Json]
    failed: Failed | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The execution is to end at once, from outside: it was cancelled, or its flow was archived or changed."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class Paused:
    """Somebody pauses the execution: it holds before its next node."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A pause is over: what it held runs. One of the flow (`of_flow`) leaves that of the execution as it is."""

    of_flow: bool = False


@dataclass(frozen=True, slots=True)
class Retried:
    """Somebody has an execution that ended go on from its failed nodes."""


@dataclass(frozen=True, slots=True)
class Held:
    """That a pause of its flow held an event: when, in log time, whether it was to start the flow by hand, and in which
    version, where one was named.
    """

    at_ms: int
    by_hand: bool
    version: int | None = None


Input = Started | TimerDue | EventHeard | Answered | ChildEnded | Ended | Paused | Resumed | Retried


@dataclass(frozen=True, slots=True)
class Command:
    """A command to a TAP system, complete but for the flow and execution it comes from (`Step.run` has those)."""

    id: CommandId
    type: str
    target: str
    node_id: NodeId
    subject: Subject
    attempt: int
    payload: dict[str, Json]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A message that was not sent now: held until later, or left out for good, where `until_ms` is None."""

    reason: Literal["capped", "quiet_hours", "expired"]
    node_id: NodeId
    visit: int
    at_ms: int
    waits_for: str | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SubFlow:
    """A flow that a node starts: the event that starts it, and the version, where one is named.

    `execution` is the one that it starts, `parent` the one that waits for its end; None where nobody does.
    """

    flow_id: FlowId
    event: Event
    execution: ExecutionId
    version: int | None = None
    parent: ExecutionId | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one input did: the execution after it, its commands, and the steps that moved, as the feed has them."""

    run: Run
    commands: tuple[Command, ...]
    steps: tuple[dict[str, Json], ...]
    held_back: tuple[HeldBack, ...] = ()
    sub_flows: tuple[SubFlow, ...] = ()
    left: tuple[ExecutionId, ...] = ()
    """Sub-flows that it no longer waits for, since it has ended: they end with it."""
    sent_ms: tuple[int, ...] = ()
    """When messages go out, in wall time."""
    is_news: bool = True
    """Whether the input moved anything: an event that no wait hears does not."""
