"""What a user draws: flows, nodes, edges, and a published version of them. Values only; rules live in `validation`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from engine.holdout import Holdout
from engine.message_rules import MessageRules
from engine.types import FlowId, NodeId, NodeKind, Scope, scope_of
from engine.wire import Wire

TriggerKind = Literal["event", "schedule", "manual"]
FlowStatus = Literal["draft", "published", "paused", "archived"]
Policy = Literal["pin", "migrate", "exit"]


class Position(Wire):
    """Where the builder draws a node, in canvas pixels."""

    x: float = 0.0
    y: float = 0.0


class Node(Wire):
    """A trigger, condition or action with its config. `ref` names it inside its flow, for files and templates."""

    id: NodeId
    ref: str | None = None
    flow_id: FlowId | None = None
    type: NodeKind
    subtype: str
    config: dict[str, Any] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    position: Position = Position()


class Edge(Wire):
    """A way from one node to another; the order of a flow's edges is part of its meaning (rank, joins)."""

    id: str
    flow_id: FlowId | None = None
    source_node_id: NodeId
    target_node_id: NodeId
    condition_label: str | None = None


class Flow(Wire):
    """A flow as people see it (contract.md section 6): its draft's fields, and what is published of it.

    `version` is the number of the latest published version, 0 before the first. Times are RFC 3339.
    """

    id: FlowId
    user_id: str | None = None
    workspace_id: str | None = None
    name: str
    description: str | None = None
    is_active: bool = False
    trigger_type: TriggerKind = "event"
    status: FlowStatus = "draft"
    version: int = 0
    settings: dict[str, Any] = Field(default_factory=dict)
    created_at: str
    updated_at: str


class FlowVersion(Wire):
    """A numbered, frozen version of a flow: the record `flowId/version` of `mal.flows`."""

    flow_id: FlowId
    version: int = Field(ge=1)
    name: str
    user_id: str | None = None
    workspace_id: str | None = None
    trigger_type: TriggerKind = "event"
    settings: dict[str, Any] = Field(default_factory=dict)
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def scope(self) -> Scope | None:
        """Whose events reach this flow."""
        return scope_of(self.user_id, self.workspace_id)


class VersionHead(Wire):
    """What a head says of one version: its policy for running executions, and from when it is in force."""

    version: int
    policy: Policy = "pin"
    effective_from_ms: int


class StatusChange(Wire):
    """A change of a flow's status, in force from a moment of log time; `drain` lets what runs end by itself."""

    status: FlowStatus
    at_ms: int
    drain: bool = False


class FlowHead(Wire):
    """The record `flowId/head` of `mal.flows`: which version is in force when, and the flow's status over time."""

    flow_id: FlowId
    latest: int
    versions: tuple[VersionHead, ...]
    statuses: tuple[StatusChange, ...]

    @property
    def status(self) -> FlowStatus:
        """The newest status."""
        return self.statuses[-1].status if self.statuses else "draft"

    def status_at(self, now_ms: int) -> FlowStatus:
        """Return the status in force at a moment of log time; `draft` before the first publish."""
        for change in reversed(self.statuses):
            if change.at_ms <= now_ms:
                return change.status
        return "draft"

    def version_at(self, now_ms: int) -> int | None:
        """Return the version in force at a moment of log time, or None before the first publish."""
        for head in reversed(self.versions):
            if head.effective_from_ms <= now_ms:
                return head.version
        return None


class Limits(Wire):
    """How much one execution may do, by user and workspace (product.md section 2, Limits)."""

    max_actions_per_execution: int = Field(default=100, ge=1, le=10_000)
    max_external_writes: int = Field(default=50, ge=1, le=10_000)
    max_contact_actions: int = Field(default=200, ge=1, le=10_000)


class LimitsRecord(Wire):
    """The record `limits/<kind>/<id>` of `mal.flows`; a limit that is not set is None and falls to the next level.

    `holdout` and `messages` hold for all flows of the user or workspace, beside their own; the timezone in these is
    that of contacts who told none.
    """

    kind: Literal["workspace", "user"]
    id: str
    max_actions_per_execution: int | None = Field(default=None, ge=1, le=10_000)
    max_external_writes: int | None = Field(default=None, ge=1, le=10_000)
    max_contact_actions: int | None = Field(default=None, ge=1, le=10_000)
    holdout: Holdout | None = None
    messages: MessageRules | None = None
