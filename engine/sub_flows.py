"""Flows that flows start: the event of a sub-flow, and what a whole family of executions has used of its limits.

A family is one execution and all its sub-flows, however deep. They have one subject, so they live in one shard; what
they use is kept in one row of that subject (product.md section 2, Limits).
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Final

from engine import ids
from engine.events import Event
from engine.run import Counts, Run
from engine.types import Json, NodeId

MANUAL: Final = "manual_trigger"
SOURCE: Final = "mal"
KEPT_MS: Final = 366 * 86_400_000
"""So long after it last moved a family is remembered."""

Row = dict[str, Json]


def families_key(key: str) -> str:
    """Return the key of a subject's row of families, by that of its other rows."""
    return f"\x1ffamilies\x1f{key}"


def sub_flow_event(run: Run, node_id: NodeId, visit: int, now_ms: int) -> Event:
    """Return the event of a sub-flow: that of its parent, one deeper, and whose child it is."""
    event = run.event
    metadata = {
        **event.metadata, "depth": event.depth + 1, "rootExecutionId": root_of(run), "parentExecutionId": run.id,
    }  # fmt: skip
    event_id = ids.sub_flow_event_id(run.id, node_id, visit)
    return Event(event_id, MANUAL, SOURCE, now_ms, event.payload, metadata, run.subject, run.scope)


def is_sub_flow(event: Event) -> bool:
    """Whether an event starts a sub-flow."""
    return event.type == MANUAL and event.source == SOURCE and isinstance(event.metadata.get("rootExecutionId"), str)


def root_of(run: Run) -> str:
    """Return the execution that a family began with."""
    return str(run.event.metadata["rootExecutionId"]) if is_sub_flow(run.event) else run.id


def used(families: Row | None, root: str) -> Counts | None:
    """Return what a family has used of its limits; None where there is no such family."""
    family = families.get(root) if families else None
    return Counts(*family["used"]) if family else None


def note(families: Row, root: str, counts: Counts, now_ms: int) -> Row:
    """Return the row after a family used something."""
    kept = {name: family for name, family in families.items() if family["atMs"] + KEPT_MS > now_ms}
    return {**kept, root: {"used": list(astuple(counts)), "atMs": now_ms}}
