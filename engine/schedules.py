"""When scheduled flows start, and for whom: slots, missed slots, and the events that are made for them.

A slot is a moment in UTC. How far a shard has come with a flow is a row of its own; a slot of a segment is done in
chunks, with the place in the row. Pure, as the rest of the core: the shard's clock comes to a slot as to a wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine import ids
from engine.cron import next_moment
from engine.events import Event
from engine.matching import IndexedFlow
from engine.nodes.triggers.schedule import Schedule
from engine.plan import Plan
from engine.types import FlowId, Json, Scope, Subject
from engine.wire import rfc3339
from engine.zones import UTC_ZONE, zone_named

LATE_MS: Final = 60_000
"""A slot that is decided later than this went by while no worker ran."""

Row = dict[str, Json]


def slots_key(flow_id: FlowId) -> str:
    """Return the key of the row that says how far a flow's slots are done. No subject's key begins like this."""
    return f"\x1fslots\x1f{flow_id}"


def schedule_of(plan: Plan | None) -> Schedule | None:
    """Return the schedule of a version; None where something else starts it."""
    config = plan.trigger.config if plan else None
    return config if isinstance(config, Schedule) else None


def subject_of_slot(plan: Plan) -> Subject:
    """Return whom a slot without a segment is about: the user whose flow it is, else the workspace."""
    if plan.user_id:
        return Subject("user", plan.user_id)
    return Subject("workspace", plan.workspace_id or "")


def next_slot(flow: IndexedFlow, row: Row | None, is_home: Callable[[str], bool]) -> int | None:
    """Return the slot that this shard has to decide next; None where there is none.

    Args:
        flow: with its versions: each has its slots while it is in force.
        row: how far the flow's slots are done here.
        is_home: whether a subject lives in this shard.
    """
    done_ms = row["done"] if row else 0
    found: list[int] = []
    heads = flow.head.versions
    for place, head in enumerate(heads):
        plan = flow.plans.get(head.version)
        schedule = schedule_of(plan)
        if plan is None or schedule is None or not (schedule.segment_id or is_home(subject_of_slot(plan).id)):
            continue
        slot_ms = slot_after(schedule, max(done_ms, head.effective_from_ms - 1))
        until_ms = heads[place + 1].effective_from_ms if place + 1 < len(heads) else None
        if slot_ms is not None and (until_ms is None or slot_ms < until_ms):
            found.append(slot_ms)
    slot_ms = min(found, default=None)
    last = flow.head.statuses[-1] if flow.head.statuses else None
    if slot_ms is not None and last is not None and last.status == "archived" and slot_ms >= last.at_ms:
        return None
    return slot_ms


def slot_after(schedule: Schedule, after_ms: int) -> int | None:
    """Return the first slot after a moment."""
    return next_moment(schedule.cron, zone_named(schedule.timezone) or UTC_ZONE, after_ms)


def is_missed(schedule: Schedule, slot_ms: int, wall_ms: int) -> bool:
    """Whether a slot went by while no worker ran, and is not to be made up for."""
    if schedule.catch_up == "all" or wall_ms - slot_ms <= LATE_MS:
        return False
    later_ms = slot_after(schedule, slot_ms)
    return schedule.catch_up == "none" or (later_ms is not None and later_ms <= wall_ms)


def slot_event(plan: Plan, scope: Scope, slot_ms: int, member: str | None = None) -> Event:
    """Return the event that a slot makes, for a member of the segment or for the flow's own subject."""
    subject = Subject("contact", member) if member else subject_of_slot(plan)
    schedule, slot = schedule_of(plan), rfc3339(slot_ms)
    payload: dict[str, Json] = {"slot": slot}
    if schedule is not None and member:
        payload |= {"contactId": member, "segmentId": schedule.segment_id}
    metadata = {"userId": plan.user_id, "workspaceId": plan.workspace_id}
    return Event(
        id=ids.slot_event_id(plan.flow_id, slot, member),
        type="schedule",
        source="mal",
        timestamp_ms=slot_ms,
        payload=payload,
        metadata={name: value for name, value in metadata.items() if value},
        subject=subject,
        scope=scope,
    )
