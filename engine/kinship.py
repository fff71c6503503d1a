"""What the executions of a family want of each other: a child is to start, to end with its parent, or has ended.

Pure: from what a step did. A family lives in one shard, so all of it is decided within the input that began it, one
after the other (`executions.Executions`); nothing of it goes through the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine import sub_flows
from engine.events import MAX_DEPTH, Event
from engine.inputs import ChildEnded, Moment, Step, SubFlow
from engine.matching import IndexedFlow
from engine.nodes.base import Failed
from engine.plan import Plan
from engine.types import ExecutionId


@dataclass(frozen=True, slots=True)
class Start:
    """A sub-flow is to start whose end is waited for."""

    child: SubFlow
    parent: ExecutionId


@dataclass(frozen=True, slots=True)
class Leave:
    """The parent of an execution has ended, and it ends as well."""

    child: ExecutionId


@dataclass(frozen=True, slots=True)
class Tell:
    """A parent is to hear how its sub-flow ended."""

    parent: ExecutionId
    ended: ChildEnded


Errand = Start | Leave | Tell


def errands_of(plan: Plan, done: Step) -> Iterator[Errand]:
    """Yield what follows from a step for other members of the family, in the order in which it is to be done."""
    run = done.run
    for child in done.sub_flows:
        if child.parent is not None:
            yield Start(child, child.parent)
    for left in done.left:
        yield Leave(left)
    if run.end_reason is not None and run.parent is not None:
        yield Tell(run.parent, sub_flows.end_of(plan, run))


def refused(child: SubFlow, flow: IndexedFlow | None, plan: Plan | None, moment: Moment) -> Failed | None:
    """Return why a sub-flow cannot be started, or None where it can.

    Args:
        child: what is to be started.
        flow: what is published of it.
        plan: its version.
        moment: now.
    """
    named = f"flow {child.flow_id}"
    if flow is not None and all(one.scope != child.event.scope for one in flow.plans.values()):
        flow = None  # another's: to this one it is not there
    status = flow.head.status_at(moment.now_ms) if flow else "draft"
    if flow is None or status not in {"published", "paused"}:
        how = status if flow else "not there"
        return _failed("sub_flow_not_published", f"{named} is {how}, not published; publish it first", child)
    if plan is None or plan.scope != child.event.scope:
        message = f"version {child.version} of {named} is not published; publish this flow again to take the latest"
        return _failed("sub_flow_not_published", message, child)
    return _because(sub_flows.refused(plan, child.event), named, child)


def spent(child: SubFlow) -> Failed:
    """Return the failure of a step that cannot run its sub-flow again: only one that failed can be retried."""
    message = f"execution {child.execution} of flow {child.flow_id} has ended without failing, and cannot be run again"
    return _failed("sub_flow_ended", message, child)


def crowded(child: SubFlow) -> Failed:
    """Return the failure of a step whose sub-flow would be one more of the subject's than its row can name."""
    message = f"flow {child.flow_id} runs so often about {child.event.subject} that no other execution may start"
    return _failed("sub_flow_max_running", message, child)


def _because(reason: str | None, named: str, child: SubFlow) -> Failed | None:
    event: Event = child.event
    if reason == "too_deep":
        return _failed(reason, f"{named} would be {event.depth} flows deep; the most is {MAX_DEPTH}", child)
    return _failed(reason, f"{named} is started by something else than manual_trigger", child) if reason else None


def _failed(code: str, message: str, child: SubFlow) -> Failed:
    return Failed(code, message, "config.flowId", child.flow_id)
