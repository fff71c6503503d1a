"""When the clock starts flows, and for whom: slots of schedules and of countdowns, and the events made for them.

A slot is a moment in UTC. How far a shard has come with a flow is a row of its own; a slot of a segment is done in
chunks, with the place in the row. Pure, as the rest of the core: the shard's clock comes to a slot as to a wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from engine import countdowns, held_slots, ids
from engine.countdowns import SOURCE
from engine.events import Event
from engine.inputs import Moment
from engine.matching import IndexedFlow
from engine.nodes.triggers.schedule import Schedule
from engine.plan import Plan
from engine.resuming import is_skipped
from engine.types import FlowId, Json, Scope, Subject
from engine.wire import rfc3339

CLOCK: Final = "schedule"
"""The type of the events of a schedule, which is the name of its trigger."""
LATE_MS: Final = 60_000
"""A slot that is decided later than this went by while no worker ran."""

Row = dict[str, Json]
"""`done`: the last slot that was decided. `held`: what a pause of the flow has held (`held_slots`). `page`: where a
slot of a segment goes on among its members."""
NOTHING_DONE: Final[Row] = {"done": 0, "held": [], "page": 0}


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


class Slot(NamedTuple):
    """A slot to decide: when, the slot itself, and whether a pause of its flow held it before."""

    due_ms: int
    at_ms: int
    was_held: bool


def next_slot(flow: IndexedFlow, row: Row, is_home: Callable[[str], bool], dates: countdowns.Dates) -> Slot | None:
    """Return the slot that this shard has to decide next; None where there is none.

    Args:
        flow: with its versions: each has its slots while it is in force.
        row: how far the flow's slots are done here.
        is_home: whether a subject lives in this shard.
        dates: of the releases that live in this shard.
    """
    last = flow.head.statuses[-1] if flow.head.statuses else None
    if row["held"] and last is not None and last.status == "published":
        at_ms = held_slots.first(row["held"])
        return Slot(max(last.at_ms, at_ms), at_ms, was_held=True)
    found: list[int] = []
    heads = flow.head.versions
    for place, head in enumerate(heads):
        plan = flow.plans.get(head.version)
        slot_ms = _first_slot(plan, max(row["done"], head.effective_from_ms - 1), is_home, dates) if plan else None
        until_ms = heads[place + 1].effective_from_ms if place + 1 < len(heads) else None
        if slot_ms is not None and (until_ms is None or slot_ms < until_ms):
            found.append(slot_ms)
    next_ms = min(found, default=None)
    if next_ms is None or (last is not None and last.status == "archived" and next_ms >= last.at_ms):
        return None
    return Slot(next_ms, next_ms, was_held=False)


def _first_slot(plan: Plan, after_ms: int, is_home: Callable[[str], bool], dates: countdowns.Dates) -> int | None:
    days, schedule = countdowns.days_of(plan), schedule_of(plan)
    if days is not None:
        return countdowns.due_after(dates, days, after_ms)
    if schedule is None or not (schedule.segment_id or is_home(subject_of_slot(plan).id)):
        return None
    return slot_after(schedule, after_ms)


def after(row: Row, slot: Slot) -> Row:
    """Return the row after a slot was decided."""
    if slot.was_held:
        return {**row, "held": held_slots.without_first(row["held"]), "page": 0}
    return {"done": slot.at_ms, "held": row["held"], "page": 0}


def held_back(row: Row, slot: Slot, flow: IndexedFlow, dates: countdowns.Dates) -> Row:
    """Return the row after a pause of its flow has held a slot.

    Args:
        row: before.
        slot: the slot.
        flow: with its versions.
        dates: of the releases that live in this shard.
    """
    schedule = schedule_of(plan_of(flow, slot))
    if schedule is not None:
        held = held_slots.with_slot(row["held"], schedule, slot.at_ms)
    else:
        days = {count for plan in flow.plans.values() if (count := countdowns.days_of(plan)) is not None}
        held = held_slots.with_countdown(row["held"], slot.at_ms, countdowns.moments(dates, days))
    return {"done": slot.at_ms, "held": held, "page": 0}


def slot_after(schedule: Schedule, after_ms: int) -> int | None:
    """Return the first slot after a moment."""
    return held_slots.next_after(schedule.cron, schedule.timezone, after_ms)


def plan_of(flow: IndexedFlow, slot: Slot) -> Plan | None:
    """Return the version that a slot starts: the one in force when it is due; for a held one, on resume."""
    version = flow.head.version_at(slot.due_ms)
    return flow.plans.get(version) if version is not None else None


def not_made_up(plan: Plan, schedule: Schedule | None, slot: Slot, moment: Moment, time_scale: float) -> str | None:
    """Return why a slot starts nothing: a resume skips it, or it went by while no worker ran; None where it starts."""
    if slot.was_held:
        skipped = is_skipped(plan.on_resume, slot.at_ms, moment.now_ms, time_scale)
        return "skipped_on_resume" if skipped else None
    if schedule is None or schedule.catch_up == "all" or moment.wall_ms - slot.at_ms <= LATE_MS:
        return None
    later_ms = slot_after(schedule, slot.at_ms)
    is_missed = schedule.catch_up == "none" or (later_ms is not None and later_ms <= moment.wall_ms)
    return "missed_slot" if is_missed else None


def slot_event(plan: Plan, scope: Scope, slot_ms: int, subject: Subject, facts: Row) -> Event:
    """Return the event that a slot makes.

    Args:
        plan: what it starts.
        scope: of the flow.
        slot_ms: the slot.
        subject: the flow's own, a member of its segment, or the release whose days are counted.
        facts: what is known of the subject.
    """
    schedule, days, slot = schedule_of(plan), countdowns.days_of(plan), rfc3339(slot_ms)
    metadata = {name: value for name, value in (("userId", plan.user_id), ("workspaceId", plan.workspace_id)) if value}
    if days is not None:
        payload = countdowns.payload_of(subject.id, days, facts.get("profile", {}))
        event_id = ids.countdown_event_id(plan.flow_id, subject.id, days)
        return Event(event_id, "release_approaching", SOURCE, slot_ms, payload, metadata, subject, scope)
    member = subject.id if subject.type == "contact" else None
    payload = {"slot": slot}
    if subject.type == "workspace":
        payload |= {"entityType": subject.type, "entityId": subject.id}
    if member and schedule is not None:
        payload |= {"contactId": member, "segmentId": schedule.segment_id}
    event_id = ids.slot_event_id(plan.flow_id, slot, member)
    return Event(event_id, CLOCK, SOURCE, slot_ms, payload, metadata, subject, scope)
