"""The state of one execution: everything that must outlive an input, and nothing that can be derived.

Changed only by `interpreter`, `acting`, `wave` and `trail`. `to_row`/`from_row` are its shape in the table
`executions`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from engine.events import Event
from engine.flow import Limits
from engine.types import (
    EndReason,
    ExecutionId,
    ExecutionStatus,
    FlowId,
    Json,
    Origin,
    Scope,
    StepError,
    Subject,
)

Key = tuple[str, int]
"""A node id and a visit: what runs at most once in an execution."""

CHILD: Final = "child"
"""Why a wait is open that only the end of a sub-flow ends; `knows` says of which execution."""


@dataclass(slots=True)
class WaitState:
    """An open wait: its step so far, when it is over (log time), and the node's rank when it began.

    `knows` is what its reason needs besides: what a wait for an event listens for.
    """

    until_ms: int
    reason: str
    rank: int
    step: dict[str, Json]
    knows: dict[str, Json] = field(default_factory=dict)


@dataclass(slots=True)
class PathStep:
    """One step in the story of an execution, short."""

    node_id: str
    visit: int
    status: str
    port: str | None

    def wire(self) -> dict[str, Json]:
        """Return the wire shape."""
        return {"nodeId": self.node_id, "visit": self.visit, "status": self.status, "port": self.port}


@dataclass(slots=True)
class Counts:
    """What an execution has used of its limits."""

    actions: int = 0
    external_writes: int = 0
    contact_actions: int = 0
    steps: int = 0
    sub_flows: int = 0


@dataclass(slots=True)
class Run:
    """One execution."""

    id: ExecutionId
    flow_id: FlowId
    version: int
    user_id: str | None
    workspace_id: str | None
    origin: Origin
    event: Event
    started_at_ms: int
    time_scale: float
    limits: Limits
    seq: int = 0
    status: ExecutionStatus = ExecutionStatus.RUNNING
    end_reason: EndReason | None = None
    finished_at_ms: int | None = None
    error: StepError | None = None
    has_failed: bool = False
    has_acted: bool = False
    counts: Counts = field(default_factory=Counts)
    outputs: dict[str, Json] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    arrivals: dict[Key, list[int]] = field(default_factory=dict)
    held: list[Key] = field(default_factory=list)
    """Branches that arrived at a `join: all` and wait for the others."""
    waits: dict[Key, WaitState] = field(default_factory=dict)
    path: dict[Key, PathStep] = field(default_factory=dict)
    is_paused: bool = False
    """Somebody has paused this execution; a pause of its flow is not noted here."""
    stopped: list[Key] = field(default_factory=list)
    """What a pause holds: nodes that would run next, and waits that are over and would act."""
    tries: dict[Key, int] = field(default_factory=dict)
    """The try of each node that was run again by hand."""
    paid: set[Key] = field(default_factory=set)
    """Steps whose commands or sub-flow have been counted, and that may yet fail: a try after that does not count."""
    has_reached_goal: bool = False
    """Its goal is counted: no other version has another one for it."""
    parent: ExecutionId | None = None
    """The execution that waits for the end of this one."""
    is_pinned: bool = False
    """Somebody named the version to start: those that were published before the start change nothing."""

    @property
    def subject(self) -> Subject:
        """Whom the execution is about."""
        if self.event.subject is None:
            raise AssertionError("an event without a subject starts no execution")
        return self.event.subject

    @property
    def scope(self) -> Scope:
        """Whose the execution is."""
        if self.event.scope is None:
            raise AssertionError("an event without a scope starts no execution")
        return self.event.scope

    def to_row(self) -> dict[str, Json]:
        """Return the execution as plain JSON."""
        event = self.event
        return {
            "id": self.id,
            "flow": self.flow_id,
            "version": self.version,
            "user": self.user_id,
            "workspace": self.workspace_id,
            "origin": self.origin,
            "event": [
                event.id, event.type, event.source, event.timestamp_ms, event.payload, event.metadata,
                list(event.subject) if event.subject else None, list(event.scope) if event.scope else None,
            ],
            "started": self.started_at_ms,
            "scale": self.time_scale,
            "limits": [
                self.limits.max_actions_per_execution, self.limits.max_external_writes, self.limits.max_contact_actions,
            ],
            "seq": self.seq,
            "failed": self.has_failed,
            "acted": self.has_acted,
            "error": self.error.wire() if self.error else None,
            "counts": [
                self.counts.actions, self.counts.external_writes, self.counts.contact_actions, self.counts.steps,
                self.counts.sub_flows,
            ],
            # The trigger's output is the event's payload, which is here already.
            "outputs": {node: None if out is event.payload else out for node, out in self.outputs.items()},
            "tags": sorted(self.tags),
            "arrivals": [[*key, orders] for key, orders in self.arrivals.items()],
            "held": [list(key) for key in self.held],
            "waits": [
                [*key, wait.until_ms, wait.reason, wait.rank, wait.step, wait.knows]
                for key, wait in self.waits.items()
            ],
            "path": [[step.node_id, step.visit, step.status, step.port] for step in self.path.values()],
            "paused": self.is_paused,
            "stopped": [list(key) for key in self.stopped],
            "tries": [[*key, number] for key, number in self.tries.items()],
            "ended": [self.end_reason, self.status, self.finished_at_ms] if self.end_reason else None,
        } | self._row_of_few()  # fmt: skip

    def _row_of_few(self) -> dict[str, Json]:
        """Return what only a few executions have."""
        row: dict[str, Json] = {"pinned": True, "parent": self.parent} if self.is_pinned else {}
        row |= {"goal": True} if self.has_reached_goal else {}
        return row | ({"paid": [list(key) for key in sorted(self.paid)]} if self.paid else {})

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Run:
        """Read an execution back."""
        event_id, kind, source, timestamp_ms, payload, metadata, subject, scope = row["event"]
        error = row["error"]
        actions, writes, contacts = row["limits"]
        is_held = row["paused"] or row["stopped"]
        reason, status, finished_at_ms = row["ended"] or [None, "paused" if is_held else "running", None]
        return cls(
            id=row["id"],
            flow_id=row["flow"],
            version=row["version"],
            user_id=row["user"],
            workspace_id=row["workspace"],
            origin=row["origin"],
            event=Event(
                event_id, kind, source, timestamp_ms, payload, metadata,
                Subject(*subject) if subject else None, Scope(*scope) if scope else None,
            ),
            started_at_ms=row["started"],
            time_scale=row["scale"],
            limits=Limits(
                max_actions_per_execution=actions, max_external_writes=writes, max_contact_actions=contacts
            ),
            seq=row["seq"],
            status=ExecutionStatus(status),
            end_reason=EndReason(reason) if reason else None,
            finished_at_ms=finished_at_ms,
            error=StepError(error["code"], error["message"], error["nodeId"], error["field"], error["value"])
            if error
            else None,
            has_failed=row["failed"],
            has_acted=row["acted"],
            counts=Counts(*row["counts"]),
            outputs={node: payload if out is None else out for node, out in row["outputs"].items()},
            tags=frozenset(row["tags"]),
            arrivals={(node, visit): orders for node, visit, orders in row["arrivals"]},
            held=[(node, visit) for node, visit in row["held"]],
            waits={
                (node, visit): WaitState(until, reason, rank, step, knows)
                for node, visit, until, reason, rank, step, knows in row["waits"]
            },
            path={(node, visit): PathStep(node, visit, status, port) for node, visit, status, port in row["path"]},
            is_paused=row["paused"],
            stopped=[(node, visit) for node, visit in row["stopped"]],
            tries={(node, visit): number for node, visit, number in row["tries"]},
            paid={(node, visit) for node, visit in row.get("paid", ())},
            has_reached_goal=row.get("goal", False),
            parent=row.get("parent"),
            is_pinned=row.get("pinned", False),
        )  # fmt: skip
