"""What the clock starts in a shard: the slots of schedules and countdowns, one at a time, for whom they are meant.

When a slot is, and the event it makes, is `schedules.py` and `countdowns.py`; here lies how far this shard has come,
and who of it - members of a segment, releases with a date - is started. The clock itself is the shell's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from engine import countdowns, members, schedules
from engine.decisions import Decisions
from engine.due import Timer, slot_timer
from engine.events import Event
from engine.executions import Executions
from engine.inputs import Moment
from engine.matching import Index, IndexedFlow, triggers
from engine.plan import Plan
from engine.shard_tables import Rows, row_key
from engine.sink import Sink
from engine.types import FlowId, Scope, Subject

MEMBERS_AT_ONCE: Final = 500
"""So many members of a segment at the least are started in one chunk of a slot, where there are as many."""


class Slots:
    """Decides the slots of a shard.

    Args:
        rows: of the shard.
        sink: takes the timers of the slots to come.
        executions: starts what a slot starts.
        decisions: takes the slots that start nothing.
        time_scale: MAL_TIME_SCALE.
        is_home: whether a subject lives in this shard, by its id.
    """

    __slots__ = ("_decisions", "_executions", "_is_home", "_rows", "_sink", "_time_scale")

    def __init__(
        self,
        rows: Rows,
        sink: Sink,
        executions: Executions,
        decisions: Decisions,
        *,
        time_scale: float,
        is_home: Callable[[str], bool],
    ) -> None:
        self._rows = rows
        self._sink = sink
        self._executions = executions
        self._decisions = decisions
        self._time_scale = time_scale
        self._is_home = is_home

    def next_slot(self, flow: IndexedFlow) -> Timer | None:
        """Return the timer of the slot of a flow that this shard has to decide next."""
        slot = schedules.next_slot(flow, self._slots_row(flow.head.flow_id), self._is_home, self._dates(flow))
        return None if slot is None else slot_timer(flow.head.flow_id, slot.due_ms)

    def decide(self, flow_id: FlowId, index: Index, moment: Moment) -> None:
        """Decide the next slot of a schedule, or a chunk of one for a segment. One that is done is no news."""
        flow, row = index.flows.get(flow_id), self._slots_row(flow_id)
        slot = schedules.next_slot(flow, row, self._is_home, self._dates(flow)) if flow else None
        if flow is None or slot is None or slot.due_ms > moment.now_ms:
            return
        status, plan = flow.head.status_at(slot.due_ms), schedules.plan_of(flow, slot)
        page: int | None = None
        if plan is not None and plan.scope is not None and status == "paused":
            self._tell_slot(plan, plan.scope, slot, None, moment)
        elif plan is not None and plan.scope is not None and status == "published":
            page = self._start_at_slot(plan, plan.scope, slot, row["page"], index, moment)
        if page is not None:
            row = {**row, "page": page}
        elif status == "paused" and not slot.was_held:
            row = schedules.held_back(row, slot, flow, self._dates(flow))
        else:
            row = schedules.after(row, slot)
        self._rows.put_entries(schedules.slots_key(flow_id), row)
        if (timer := self.next_slot(flow)) is not None:
            self._sink.timer(None, timer)

    def note_date(
        self, scope: Scope | None, release: Subject, told: dict[str, Any], index: Index, moment: Moment
    ) -> None:
        """Keep the date of a release, where it is news, and wait for the days that flows count down to."""
        key = countdowns.dates_key(scope) if scope else ""
        dates = countdowns.moved(self._rows.entries(key), release, told, moment.now_ms) if scope else None
        if scope is None or dates is None:
            return
        self._rows.put_entries(key, dates)
        counting = index.by_scope.get(scope, {}).get("release_approaching")
        for flow_id in counting.any_campaign if counting else ():
            if (timer := self.next_slot(index.flows[flow_id])) is not None:
                self._sink.timer(None, timer)

    def _slots_row(self, flow_id: FlowId) -> dict[str, Any]:
        return self._rows.entries(schedules.slots_key(flow_id)) or dict(schedules.NOTHING_DONE)

    def _start_at_slot(
        self, plan: Plan, scope: Scope, slot: schedules.Slot, page: int, index: Index, moment: Moment
    ) -> int | None:
        """Start executions for a slot; return the page to go on with, None where all is done."""
        schedule = schedules.schedule_of(plan)
        if page == 0 and (why := schedules.not_made_up(plan, schedule, slot, moment, self._time_scale)):
            self._tell_slot(plan, scope, slot, why, moment)
            return None
        if schedule is None:
            for release in self._releases_at(plan, scope, slot):
                self._enter_made(plan, scope, slot.at_ms, release, index, moment)
            return None
        if schedule.segment_id is None:
            self._enter_made(plan, scope, slot.at_ms, schedules.subject_of_slot(plan), index, moment)
            return None
        started = 0
        while page < members.PAGES and started < MEMBERS_AT_ONCE:
            for member in self._rows.subject(members.members_key(scope, schedule.segment_id, page)).get("ids", ()):
                self._enter_made(plan, scope, slot.at_ms, Subject("contact", member), index, moment)
                started += 1
            page += 1
        return page if page < members.PAGES else None

    def _enter_made(
        self, plan: Plan, scope: Scope, slot_ms: int, subject: Subject, index: Index, moment: Moment
    ) -> None:
        event = self._event(plan, scope, slot_ms, subject)
        if event.type == schedules.CLOCK or triggers(plan, event):
            self._executions.enter(plan, event, None, index, moment, "schedule")

    def _tell_slot(
        self, plan: Plan, scope: Scope, slot: schedules.Slot, suppressed: str | None, moment: Moment
    ) -> None:
        """Tell what became of a slot as a whole: once, though every shard decides the slots of a segment.

        Args:
            plan: what it would have started.
            scope: of the flow.
            slot: the slot.
            suppressed: why it starts nothing; None where a pause of its flow holds it.
            moment: now.
        """
        subjects = self._releases_at(plan, scope, slot)
        if schedules.schedule_of(plan) is not None and self._is_home(schedules.subject_of_slot(plan).id):
            subjects = [schedules.subject_of_slot(plan)]
        for subject in subjects:
            event = self._event(plan, scope, slot.at_ms, subject)
            if suppressed is None:
                self._decisions.hold(plan.flow_id, event, None, moment)
            else:
                self._decisions.suppress(event, None, suppressed, moment, plan.flow_id)

    def _event(self, plan: Plan, scope: Scope, slot_ms: int, subject: Subject) -> Event:
        own = self._rows.subject(row_key(scope, subject)).get("facts", {})
        return schedules.slot_event(plan, scope, slot_ms, subject, own)

    def _releases_at(self, plan: Plan, scope: Scope, slot: schedules.Slot) -> list[Subject]:
        days, dates = countdowns.days_of(plan), self._rows.entries(countdowns.dates_key(scope))
        found = [] if days is None else countdowns.releases_at(dates, days, slot.at_ms)
        return [Subject("release", release) for release in found]

    def _dates(self, flow: IndexedFlow) -> countdowns.Dates:
        """Return the dates of this shard's releases that a flow may count down to."""
        scopes = {plan.scope for plan in flow.plans.values() if countdowns.days_of(plan) is not None and plan.scope}
        return {
            release: date
            for scope in scopes
            for release, date in self._rows.entries(countdowns.dates_key(scope)).items()
        }
