"""Flows that flows start: the event of a sub-flow, what its end tells its parent, and what a family has used.

A family is one execution and all its sub-flows, however deep. They have one subject, so they live in one shard; what
they use is kept in one row of that subject (product.md section 2, Limits).
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Final, Literal

from engine import ids
from engine.events import MAX_DEPTH, TOLD_AS, Event
from engine.inputs import ChildEnded
from engine.nodes.base import Failed
from engine.outputs import json_bytes
from engine.plan import Plan
from engine.run import Counts, Run
from engine.types import ExecutionStatus, Json, NodeId

MANUAL: Final = "manual_trigger"
SOURCE: Final = "mal"
KEPT_MS: Final = 366 * 86_400_000
"""So long after it last moved a family is remembered."""

MAX_FAMILIES: Final = 256
"""Families of one subject, those that moved last; beyond it the others are forgotten, since the row must stay small."""

MAX_OUTPUT_BYTES: Final = 64 * 1024
"""So much of the outputs of its steps a sub-flow hands on to its parent, which keeps them in its own state."""

_MAX_SAID_CHARS: Final = 500
_ENDED: Final = {ExecutionStatus.FAILED: "failed", ExecutionStatus.CANCELLED: "was cancelled"}

Row = dict[str, Json]


def families_key(key: str) -> str:
    """Return the key of a subject's row of families, by that of its other rows."""
    return f"\x1ffamilies\x1f{key}"


def sub_flow_event(run: Run, node_id: NodeId, visit: int, now_ms: int) -> Event:
    """Return the event of a sub-flow: that of its parent, one deeper, and whose child it is."""
    event = run.event
    metadata = {
        **event.metadata, "depth": event.depth + 1, "rootExecutionId": root_of(run), "parentExecutionId": run.id,
        TOLD_AS: event.told_as,
    }  # fmt: skip
    event_id = ids.sub_flow_event_id(run.id, node_id, visit)
    return Event(event_id, MANUAL, SOURCE, now_ms, event.payload, metadata, run.subject, run.scope)


def end_of(plan: Plan | None, run: Run) -> ChildEnded:
    """Return what the end of a sub-flow tells the execution that waits for it (product.md section 4, run_flow).

    Its steps' outputs are there under their refs, but for the trigger's, which the parent has as well.

    Args:
        plan: the version it was on; None where that is gone.
        run: the sub-flow, which has ended.
    """
    output: dict[str, Json] = {
        "flowId": run.flow_id,
        "version": run.version,
        "executionId": run.id,
        "status": run.status,
        "endReason": run.end_reason,
    }
    if run.status in {ExecutionStatus.FAILED, ExecutionStatus.CANCELLED}:
        said = f": {run.error.message}" if run.error else ""
        message = f"flow {run.flow_id}, execution {run.id}, {_ENDED[run.status]}{said}"[:_MAX_SAID_CHARS]
        return ChildEnded(run.id, output, Failed("sub_flow_failed", message, "config.flowId", run.flow_id))
    return ChildEnded(run.id, {**output, "steps": _steps(plan, run)})


def _steps(plan: Plan | None, run: Run) -> dict[str, Json]:
    """Return the outputs of steps by ref, or by id where there is none, as many as may be handed on."""
    left, steps = MAX_OUTPUT_BYTES, {}
    for node_id, output in run.outputs.items():
        node = plan.by_id.get(node_id) if plan else None
        if plan is None or node is None or node is plan.trigger:
            continue
        size = json_bytes(output)
        if size > left:
            steps[node.ref or node_id] = {"output": {}, "truncated": True}
        else:
            left -= size
            steps[node.ref or node_id] = {"output": output}
    return steps


def is_sub_flow(event: Event) -> bool:
    """Whether an event starts a sub-flow."""
    return event.type == MANUAL and event.source == SOURCE and isinstance(event.metadata.get("rootExecutionId"), str)


def refused(plan: Plan, event: Event) -> Literal["too_deep", "not_manual"] | None:
    """Return why a flow must not start as a sub-flow, or None where it may."""
    if event.depth > MAX_DEPTH:
        return "too_deep"
    return None if plan.trigger.type.name == MANUAL else "not_manual"


def root_of(run: Run) -> str:
    """Return the execution that a family began with."""
    return str(run.event.metadata["rootExecutionId"]) if is_sub_flow(run.event) else run.id


def used(families: Row | None, root: str) -> Counts | None:
    """Return what a family has used of its limits; None where there is no such family."""
    family = families.get(root) if families else None
    return Counts(*family["used"]) if family else None


def note(families: Row, root: str, counts: Counts, now_ms: int) -> Row:
    """Return the row after a family used something."""
    others = [(name, family) for name, family in families.items() if name != root and family["atMs"] + KEPT_MS > now_ms]
    return dict([*others[1 - MAX_FAMILIES :], (root, {"used": list(astuple(counts)), "atMs": now_ms})])
