"""The shape of what goes on the execution feed (contract.md section 4). Builds records; knows no Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from engine.events import Event
from engine.ids import execution_id
from engine.inputs import Answered, HeldBack, Step
from engine.plan import Plan
from engine.run import CHILD, Run, WaitState
from engine.types import FlowId, Json, Standing, Subject
from engine.wire import rfc3339


def execution_record(plan: Plan, done: Step, source: Mapping[str, Json] | None) -> dict[str, Json]:
    """Return the record of one input that moved an execution.

    Args:
        plan: the version it runs on.
        done: what the input did.
        source: topic, partition and offset of the input; None for a timer.
    """
    run = done.run
    ended = run.end_reason is not None
    record = _head(run)
    if source is not None:
        record["input"] = source
    record["steps"] = list(done.steps)
    record["waiting"] = [
        {"nodeId": node_id, "visit": visit, **_until(wait), "for": wait.reason}
        for (node_id, visit), wait in run.waits.items()
    ]
    record["progress"] = {
        # Steps of nodes that a version it moved to no longer has stay in its path, but not in its progress.
        "completedSteps": len({node_id for node_id, _ in run.path} & plan.names),
        "totalSteps": plan.reachable,
        "currentStatus": run.status,
    }
    if ended:
        record["path"] = [step.wire() for step in run.path.values()]
    return record


def late_record(
    known: Mapping[str, Json], subject: Subject, answer: Answered, source: Mapping[str, Json], now_ms: int
) -> dict[str, Json]:
    """Return the record of an answer that came again or too late: it changed nothing.

    Args:
        known: the awaited command, as `awaited` keeps it.
        subject: whose it is.
        answer: the answer.
        source: where it lies.
        now_ms: log time.
    """
    event_id, event_type, event_source = known["event"]
    return {
        "decision": "suppressed",
        "flowId": known["flow"],
        "userId": known["user"],
        "workspaceId": known["workspace"],
        "subject": {"type": subject.type, "id": subject.id},
        "eventId": event_id,
        "reason": "late_result",
        "at": rfc3339(now_ms),
        "type": event_type,
        "source": event_source,
        "input": source,
        "executionId": known["execution"],
        "nodeId": known["node"],
        "commandId": answer.command_id,
        "attempt": answer.attempt,
    }


def lost_record(run: Run) -> dict[str, Json]:
    """Return the record that ends an execution whose version is gone."""
    path = [step.wire() for step in run.path.values()]
    progress = {"completedSteps": len(path), "totalSteps": len(path), "currentStatus": run.status}
    return {**_head(run), "steps": [], "waiting": [], "progress": progress, "path": path}


def _until(wait: WaitState) -> dict[str, Json]:
    """Return when a wait is over at the latest; one for a sub-flow has no such time."""
    return {} if wait.reason == CHILD else {"until": rfc3339(wait.until_ms)}


def _head(run: Run) -> dict[str, Json]:
    event = run.event
    return {
        "executionId": run.id,
        "seq": run.seq,
        "flowId": run.flow_id,
        "flowVersion": run.version,
        "userId": run.user_id,
        "workspaceId": run.workspace_id,
        "subject": {"type": run.subject.type, "id": run.subject.id},
        "origin": run.origin,
        "status": run.status,
        "endReason": run.end_reason,
        "trigger": {
            "eventId": event.id,
            "type": event.type,
            "source": event.source,
            "timestamp": rfc3339(event.timestamp_ms),
            "causedBy": event.metadata.get("causedBy"),
            "depth": event.depth,
            **({"traceparent": trace} if type(trace := event.metadata.get("traceparent")) is str else {}),
        },
        "timeScale": run.time_scale,
        "startedAt": rfc3339(run.started_at_ms),
        "finishedAt": None if run.finished_at_ms is None else rfc3339(run.finished_at_ms),
        "error": run.error.wire() if run.error else None,
    }


def held_back_record(run: Run, held: HeldBack, source: Mapping[str, Json] | None) -> dict[str, Json]:
    """Return the record of a message that was held back within an execution."""
    event = run.event
    record: dict[str, Json] = {
        "decision": "suppressed" if held.until_ms is None else "held",
        "flowId": run.flow_id,
        "flowVersion": run.version,
        "userId": run.user_id,
        "workspaceId": run.workspace_id,
        "subject": {"type": run.subject.type, "id": run.subject.id},
        "eventId": event.id,
        "reason": held.reason,
        "at": rfc3339(held.at_ms),
        "type": event.type,
        "source": event.source,
        "executionId": run.id,
        "nodeId": held.node_id,
        "visit": held.visit,
    }
    if held.until_ms is not None:
        record |= {"for": held.waits_for, "until": rfc3339(held.until_ms)}
    if source is not None:
        record["input"] = source
    return record


def applied_record(
    flow_id: FlowId, status: Standing, event: Event, source: Mapping[str, Json], now_ms: int
) -> dict[str, Json]:
    """Return the record of a shard that has applied a change of a flow's status, which somebody asked it for."""
    return {
        **decision_record("suppressed", status, event, source, now_ms, flow_id),
        "decision": "applied",
        "subject": None,
        "executionId": None,
    }


def decision_record(
    decision: Literal["suppressed", "held", "counted"],
    reason: str,
    event: Event,
    source: Mapping[str, Json] | None,
    now_ms: int,
    flow_id: FlowId | None,
) -> dict[str, Json]:
    """Return the record of something that was held back; `flow_id` is None where no flow was reached."""
    subject = event.subject
    record: dict[str, Json] = {
        "decision": decision,
        "flowId": flow_id,
        "userId": event.user_id,
        "workspaceId": event.workspace_id,
        "subject": {"type": subject.type, "id": subject.id} if subject else None,
        "eventId": event.id,
        "reason": reason,
        "at": rfc3339(now_ms),
        "type": event.type,
        "source": event.source,
    }
    if source is not None:
        record["input"] = source
    if flow_id is not None and subject is not None:
        record["executionId"] = execution_id(flow_id, event.source, subject, event.id)
    return record
