"""Words that every other module of the core uses: ids, subjects, scopes. Knows no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple, NewType, get_args

FlowId = NewType("FlowId", str)
NodeId = NewType("NodeId", str)
ExecutionId = NewType("ExecutionId", str)
CommandId = NewType("CommandId", str)

NodeKind = Literal["trigger", "condition", "action"]
Origin = Literal["live", "manual", "schedule", "backfill"]
Verb = Literal["pause", "resume", "cancel", "retry"]
"""What a person can have one execution do."""
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
Standing = Literal["published", "paused"]
"""How a flow can stand that a pause comes to, or ends for."""
Json = Any
"""A decoded JSON value. Events and configs are free-form by contract, so their leaves have no narrower type."""


class Subject(NamedTuple):
    """Who or what an event is about: `contact`, `campaign`, `release`, `asset`, `user` or a Fusion Layer entity."""

    type: str
    id: str


class Scope(NamedTuple):
    """Whose flows an event can reach: a workspace's, else a user's (contract.md section 2)."""

    kind: Literal["workspace", "user"]
    id: str


def scope_of(user_id: str | None, workspace_id: str | None) -> Scope | None:
    """Return the scope of a flow or an event: its workspace, else its user, else none."""
    if workspace_id:
        return Scope("workspace", workspace_id)
    if user_id:
        return Scope("user", user_id)
    return None


class ExecutionStatus(StrEnum):
    """The status of an execution, as it stands on the feed and in Postgres."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PARTIAL = "partial"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class EndReason(StrEnum):
    """Why an execution ended."""

    COMPLETED = "completed"
    EXITED = "exited"
    GOAL = "goal"
    LIMIT = "limit"
    CANCELLED = "cancelled"
    ARCHIVED = "archived"
    VERSION_EXIT = "version_exit"
    NODE_REMOVED = "node_removed"


class StepStatus(StrEnum):
    """The status of one step; `running` means that it waits."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StepError:
    """What went wrong in a step, or stopped an execution: the shape `error` of contract.md section 4."""

    code: str
    message: str
    node_id: str | None = None
    field: str | None = None
    value: Json = None

    def wire(self) -> dict[str, Json]:
        """Return the wire shape."""
        return {
            "code": self.code,
            "message": self.message,
            "nodeId": self.node_id,
            "field": self.field,
            "value": self.value,
        }
