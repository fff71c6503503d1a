"""Whether an event that matches a flow enters it: what happened before, and what the flow allows, in one place.

Asked once for each match, over the subject's entry; the reason it answers goes onto the feed (contract.md section 4).
"""

from __future__ import annotations

from typing import Literal

from engine.context import Context, Facts
from engine.entered import Entry, ReadPage, WritePage, enter, entered
from engine.entry_rules import EVERY_EVENT, Entrance, Held
from engine.events import Event
from engine.holdout import is_held_out
from engine.inputs import Moment, Started
from engine.limits import House
from engine.plan import Plan
from engine.seen import mark_of
from engine.types import Origin

Refused = Literal["duplicate_event", "holdout"] | Held


def admit(
    plan: Plan,
    house: House,
    started: Started,
    entry: Entry,
    facts: Facts,
    moment: Moment,
    read: ReadPage,
    write: WritePage,
    *,
    is_full: bool = False,
) -> Refused | None:
    """Note in the entry that an event enters, or return why it must not.

    Args:
        plan: the version in force.
        house: what its user and workspace ask of all their flows.
        started: the event, on its way in.
        entry: of its subject with the flow.
        facts: of its subject, with the event in them.
        moment: the log time and the wall time of the decision.
        read: reads a page of the entry.
        write: writes a page of the entry.
        is_full: whether as many executions of the subject run as its row can name.
    """
    if has_entered(started.event, entry, read):
        return "duplicate_event"
    if is_full:
        return "max_running"
    if plan.entry is not EVERY_EVENT or plan.holdout or house.holdout:
        context = starting_context(plan, started.event, started.origin, started.time_scale, facts, moment)
        own_salt = plan.workspace_id or plan.user_id or ""
        if is_held_out(house.holdout, context.subject, own_salt):
            return "holdout"
        if is_held_out(plan.holdout, context.subject, plan.flow_id):
            return "holdout"
        entrance = Entrance(plan.entry, entry, context, read, write)
        if held := entrance.held_by():
            return held
        entrance.note()
    _enter(started.event, entry, moment, read, write)
    return None


def let_in(
    plan: Plan, started: Started, entry: Entry, facts: Facts, moment: Moment, read: ReadPage, write: WritePage
) -> None:
    """Note in the entry that the event of a sub-flow enters whose parent waits for it: no rule is asked, all count it.

    Args:
        plan: of the sub-flow.
        started: its event, on its way in.
        entry: of its subject with the flow.
        facts: of its subject.
        moment: the log time and the wall time of the decision.
        read: reads a page of the entry.
        write: writes a page of the entry.
    """
    if plan.entry is not EVERY_EVENT:
        context = starting_context(plan, started.event, started.origin, started.time_scale, facts, moment)
        Entrance(plan.entry, entry, context, read, write).note()
    _enter(started.event, entry, moment, read, write)


def has_entered(event: Event, entry: Entry, read: ReadPage) -> bool:
    """Whether an event has entered a flow before."""
    return entered(entry, mark_of(event.source, event.id), read)


def _enter(event: Event, entry: Entry, moment: Moment, read: ReadPage, write: WritePage) -> None:
    enter(entry, mark_of(event.source, event.id), moment.now_ms, read, write)


def starting_context(
    plan: Plan, event: Event, origin: Origin, time_scale: float, facts: Facts, moment: Moment
) -> Context:
    """Return what can be read before anything ran."""
    return Context(
        node_id=plan.trigger.id,
        event=event,
        origin=origin,
        facts=facts,
        now_ms=moment.now_ms,
        wall_ms=moment.wall_ms,
        time_scale=time_scale,
        flow_user_id=plan.user_id,
        step_outputs={},
        previous_output={},
        execution_tags=frozenset(),
    )
