"""Decide one input of a shard: the order of things for one event, over the shard's tables.

For one event: duplicates are dropped, facts are folded, the subject's running executions hear it, oldest first, then
new entries start in the order of flow ids; all see the facts with this event in them (product.md section 2, Entry,
exit, goal). What is held back is recorded with its
reason. Live traffic, replay and test runs use this same class; it does no I/O and reads no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol

from engine import awaited, countdowns, facts, feed, goals, lifecycle, members, resuming, retrying, schedules, sub_flows
from engine.admission import admit, starting_context
from engine.awaiting import RETRY, AwaitedStep
from engine.due import Timer, change_timer, slot_timer
from engine.entered import Entry, new_entry, note_running, note_sent, sent_to
from engine.events import MAX_DEPTH, Event, opaque_id
from engine.flow import FlowHead, StatusChange
from engine.goals import PlanGoal
from engine.inputs import (
    Answered,
    Ended,
    EventHeard,
    Held,
    Input,
    Moment,
    Paused,
    Resumed,
    Retried,
    Started,
    Step,
    TimerDue,
)
from engine.interpreter import step
from engine.limits import House
from engine.manners import NO_MANNERS, Manners
from engine.matching import Index, IndexedFlow, triggers
from engine.nodes.registry import node_types
from engine.plan import Plan
from engine.run import Counts, Run
from engine.seen import Page, Seen, mark_of
from engine.systems import BY_COMMAND_TYPE, BY_EVENT_TYPE
from engine.types import (
    EndReason,
    ExecutionId,
    ExecutionStatus,
    FlowId,
    Json,
    NodeId,
    Origin,
    Scope,
    Standing,
    StepError,
    Subject,
    Verb,
)

SUBJECTS: Final = "subjects"
ENTRIES: Final = "entries"
EXECUTIONS: Final = "executions"
MEMBERS_AT_ONCE: Final = 500
"""So many members of a segment at the least are started in one chunk of a slot, where there are as many."""

_INPUT_OF: Final[Mapping[Verb, Input]] = MappingProxyType({
    "pause": Paused(), "resume": Resumed(), "cancel": Ended(EndReason.CANCELLED), "retry": Retried(),
})  # fmt: skip


class Tables(Protocol):
    """The tables of one shard, as decoded rows. A row that was got may be changed and put back."""

    def get(self, table: str, key: str) -> dict[str, Any] | None:
        """Return a row, or None."""

    def put(self, table: str, key: str, row: dict[str, Any]) -> None:
        """Write a row."""

    def delete(self, table: str, key: str) -> None:
        """Delete a row."""


class Sink(Protocol):
    """Where decisions go. The shell turns them into records; a test keeps them in lists."""

    def command(self, run: Run, command: Any) -> None:
        """A command to a TAP system."""

    def record(self, subject: Subject | None, record: dict[str, Json]) -> None:
        """A record of `mal.executions`."""

    def fact(self, entity: Subject, event: Event) -> None:
        """An event tells a fact of another entity: it goes to that entity's shard."""

    def sub_flow(self, flow_id: FlowId, event: Event) -> None:
        """A flow that another starts: it comes back as a manual trigger."""

    def broadcast(self, key: str, row: dict[str, Json]) -> None:
        """The facts of a campaign, release or user, for every shard."""

    def timer(self, run: Run | None, timer: Timer) -> None:
        """Something is to be looked at later: an execution, or, without one, a schedule."""


class Entities(Protocol):
    """What was broadcast of campaigns, releases and users, by row key."""

    def get(self, key: str) -> dict[str, Json] | None:
        """Return a facts row, or None."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input lies in the log; None of it for a timer."""

    topic: str
    partition: int
    offset: int

    def wire(self) -> dict[str, Json]:
        """Return the wire shape `input`."""
        return {"topic": self.topic, "partition": self.partition, "offset": self.offset}


def row_key(scope: Scope, subject: Subject) -> str:
    """Return the key of a subject's rows. Lengths make it unambiguous, whatever the ids contain."""
    return f"{scope.kind[0]}{len(scope.id)}:{scope.id}{len(subject.type)}:{subject.type}{subject.id}"


class Decider:
    """Decides a shard's inputs, one at a time.

    Args:
        tables: the shard's state.
        sink: takes what is decided.
        entities: facts of campaigns, releases and users from every shard.
        time_scale: MAL_TIME_SCALE, stored with each execution that starts.
        all_facts: keep facts of scopes without flows as well (MAL_FACTS=all).
        is_home: whether a subject lives in this shard, by its id.
    """

    def __init__(
        self,
        tables: Tables,
        sink: Sink,
        entities: Entities,
        *,
        time_scale: float = 1.0,
        all_facts: bool = False,
        is_home: Callable[[str], bool] = lambda _id: True,
    ) -> None:
        self._tables = tables
        self._sink = sink
        self._entities = entities
        self._time_scale = time_scale
        self._all_facts = all_facts
        self._is_home = is_home

    def event(self, event: Event, source: Source, index: Index, moment: Moment, origin: Origin = "live") -> None:
        """Decide a domain event."""
        if event.scope is None or event.subject is None:
            self._suppress(event, source, "unscoped", moment)
            return
        if not (self._all_facts or event.scope in index.by_scope):
            return
        if event.type not in BY_EVENT_TYPE and event.type not in node_types():
            return
        key = row_key(event.scope, event.subject)
        row = self._accept(key, event, source, moment)
        if row is None:
            return
        entity = facts.told_of(event)
        if entity == event.subject:
            self._fold(key, row, event, event.subject, index, moment)
        elif entity is not None:
            self._sink.fact(entity, event)
        self._tables.put(SUBJECTS, key, row)
        if event.depth > MAX_DEPTH:
            self._suppress(event, source, "too_deep", moment)
            return
        ends = self._count_goals(key, event, source, index, moment)
        for run in self._hearers(key, event, index):
            self._move(run, EventHeard(event, reaches_goal=run.id in ends), source, index, moment)
        for plan in index.matches(event, moment.now_ms):
            if lifecycle.is_paused(index.flows[plan.flow_id].head, moment.now_ms):
                self._hold(plan, event, source, moment)
            else:
                self._enter(plan, key, row, event, source, index, moment, origin)

    def manual(self, flow_id: FlowId, event: Event, source: Source, index: Index, moment: Moment) -> None:
        """Decide a manual trigger: it starts one flow, whatever its trigger is."""
        flow = index.flows.get(flow_id)
        plan = flow.matching_plan_at(moment.now_ms) if flow else None
        if event.scope is None or event.subject is None:
            self._suppress(event, source, "unscoped", moment)
        elif flow is None or plan is None:
            self._suppress(event, source, "not_published", moment, flow_id)
        elif sub_flows.is_sub_flow(event) and (refused := _refused_sub_flow(plan, event)):
            self._suppress(event, source, refused, moment, flow_id)
        else:
            key = row_key(event.scope, event.subject)
            row = self._accept(key, event, source, moment)
            if row is None:
                return
            self._tables.put(SUBJECTS, key, row)
            if lifecycle.is_paused(flow.head, moment.now_ms):
                self._hold(plan, event, source, moment)
            else:
                self._enter(plan, key, row, event, source, index, moment, "manual")

    def resumed(self, flow_id: FlowId, event: Event, held: Held, source: Source, index: Index, moment: Moment) -> None:
        """Decide a match again that a pause of its flow held: by `onResume`, the version and the facts of now.

        Args:
            flow_id: which flow.
            event: what matched it.
            held: when, and whether it was started by hand.
            source: where the event lies.
            index: the published flows.
            moment: now.
        """
        flow = index.flows.get(flow_id)
        plan = flow.matching_plan_at(moment.now_ms) if flow else None
        if event.scope is None or event.subject is None:
            self._suppress(event, source, "unscoped", moment)
        elif flow is None or plan is None:
            self._suppress(event, source, "not_published", moment, flow_id)
        elif lifecycle.is_paused(flow.head, moment.now_ms):
            self._hold(plan, event, source, moment)
        elif resuming.is_skipped(plan.on_resume, held.at_ms, moment.now_ms, self._time_scale):
            self._suppress(event, source, "skipped_on_resume", moment, flow_id)
        elif not (held.by_hand or triggers(plan, event)):
            self._suppress(event, source, "not_matching", moment, flow_id)
        else:
            key = row_key(event.scope, event.subject)
            row = self._tables.get(SUBJECTS, key) or {}
            self._enter(plan, key, row, event, source, index, moment, "manual" if held.by_hand else "backfill")

    def applied(
        self, flow_id: FlowId, status: Standing, at_ms: int, event: Event, source: Source, index: Index, moment: Moment
    ) -> bool:
        """Say on the feed that this shard has applied a change of a flow's status; False where it has not yet."""
        flow = index.flows.get(flow_id)
        if flow is None or StatusChange(status=status, at_ms=at_ms) not in flow.head.statuses or at_ms > moment.now_ms:
            return False
        self._sink.record(None, feed.applied_record(flow_id, status, event, source.wire(), moment.now_ms))
        return True

    def fact(self, entity: Subject, event: Event, index: Index, moment: Moment) -> None:
        """Fold a fact of an entity that was not its event's subject; it matches nothing."""
        if event.scope is None or not (self._all_facts or event.scope in index.by_scope):
            return
        key = row_key(event.scope, entity)
        row = self._tables.get(SUBJECTS, key) or {}
        if self._seen(key, row).add(mark_of(event.source, event.id), moment.now_ms):
            self._fold(key, row, event, entity, index, moment)
            self._tables.put(SUBJECTS, key, row)

    def timer(self, execution: ExecutionId, node_id: NodeId, visit: int, index: Index, moment: Moment) -> None:
        """Decide a wait that is over. One that is over already, or was ended, is no news."""
        row = self._tables.get(EXECUTIONS, execution)
        if row is None:
            return
        run = Run.from_row(row)
        if run.finished_at_ms is not None:
            if run.finished_at_ms + retrying.KEPT_MS <= moment.now_ms:
                self._tables.delete(EXECUTIONS, run.id)
            return
        wait = run.waits.get((node_id, visit))
        if wait is None or wait.until_ms > moment.now_ms or (node_id, visit) in run.stopped:
            return
        self._move(run, TimerDue(node_id, visit), None, index, moment)

    def next_attempt(self, execution: ExecutionId, node_id: NodeId, visit: int) -> tuple[str, int] | None:
        """Return the system that a step's next attempt goes to, and its deadline; None where it waits for none."""
        row = self._tables.get(EXECUTIONS, execution)
        wait = Run.from_row(row).waits.get((node_id, visit)) if row is not None else None
        return AwaitedStep(wait.knows).next_attempt if wait is not None and wait.reason == RETRY else None

    def answer(self, subject_id: str, answer: Answered, source: Source, index: Index, moment: Moment) -> str | None:
        """Decide the answer to a command. To one that nobody waited for it is no news; one too late is recorded.

        Args:
            subject_id: the key of the record, which is that of the command.
            answer: what was answered.
            source: where it lies.
            index: the flows.
            moment: of the decision.

        Returns:
            The system that answered, or None where nobody waited for it.
        """
        row = self._tables.get(ENTRIES, awaited.awaited_key(subject_id)) or {}
        execution = awaited.execution_of(row, answer.command_id)
        if execution is None:
            return None
        known = row[answer.command_id]
        execution_row = self._tables.get(EXECUTIONS, execution)
        run = Run.from_row(execution_row) if execution_row is not None else None
        if run is None or run.end_reason is not None or not self._move(run, answer, source, index, moment):
            record = feed.late_record(known, answer, source.wire(), moment.now_ms)
            self._sink.record(Subject(*known["subject"]), record)
        return BY_COMMAND_TYPE[known["type"]].name

    def change(self, execution: ExecutionId, index: Index, moment: Moment) -> None:
        """Do with an execution what a change of its flow asks for: end it, or let it go on after a pause."""
        row = self._tables.get(EXECUTIONS, execution)
        run = Run.from_row(row) if row is not None else None
        flow = index.flows.get(run.flow_id) if run else None
        if run is None or flow is None or run.end_reason is not None:
            return
        ends = lifecycle.end_of(flow.head, run.version, run.started_at_ms, moment.now_ms)
        if ends or (run.stopped and not run.is_paused and not lifecycle.is_paused(flow.head, moment.now_ms)):
            self._move(run, Resumed(of_flow=True), None, index, moment)

    def control(
        self, verb: Verb, execution: ExecutionId, event: Event, source: Source, index: Index, moment: Moment
    ) -> None:
        """Decide what a person wants of one execution.

        One that has ended can only be retried, where it failed and its flow still runs it; what comes too late is
        recorded as suppressed.

        Args:
            verb: what is wanted.
            execution: of which.
            event: tells of the wish.
            source: where it lies.
            index: the published flows.
            moment: now.
        """
        row = self._tables.get(EXECUTIONS, execution)
        run = Run.from_row(row) if row is not None else None
        if run is None or (run.end_reason is not None) != (verb == "retry"):
            too_late = "not_failed" if verb == "retry" else "not_running"
            self._suppress(event, source, too_late, moment, execution=execution)
        elif verb == "retry" and (ends := self._end_of(run, index, moment)):
            self._suppress(event, source, ends, moment, execution=execution)
        else:
            self._move(run, _INPUT_OF[verb], source, index, moment)

    # ---- schedules

    def next_slot(self, flow: IndexedFlow) -> Timer | None:
        """Return the timer of the slot of a flow that this shard has to decide next."""
        slot = schedules.next_slot(flow, self._slots_row(flow.head.flow_id), self._is_home, self._dates(flow))
        return None if slot is None else slot_timer(flow.head.flow_id, slot.due_ms)

    def slot(self, flow_id: FlowId, index: Index, moment: Moment) -> None:
        """Decide the next slot of a schedule, or a chunk of one for a segment. One that is done is no news."""
        flow, row = index.flows.get(flow_id), self._slots_row(flow_id)
        slot = schedules.next_slot(flow, row, self._is_home, self._dates(flow)) if flow else None
        if flow is None or slot is None or slot.due_ms > moment.now_ms:
            return
        status, plan = flow.head.status_at(slot.due_ms), schedules.plan_of(flow, slot)
        page: int | None = None
        if plan is not None and plan.scope is not None and status == "paused":
            self._tell_slot(plan, plan.scope, slot, ("held", "paused"), moment)
        elif plan is not None and plan.scope is not None and status == "published":
            page = self._start_at_slot(plan, plan.scope, slot, row["page"], index, moment)
        row = {**row, "page": page} if page is not None else schedules.after(row, slot, held=status == "paused")
        self._tables.put(ENTRIES, schedules.slots_key(flow_id), row)
        if (timer := self.next_slot(flow)) is not None:
            self._sink.timer(None, timer)

    def _slots_row(self, flow_id: FlowId) -> dict[str, Any]:
        return self._tables.get(ENTRIES, schedules.slots_key(flow_id)) or dict(schedules.NOTHING_DONE)

    def _start_at_slot(
        self, plan: Plan, scope: Scope, slot: schedules.Slot, page: int, index: Index, moment: Moment
    ) -> int | None:
        """Start executions for a slot; return the page to go on with, None where all is done."""
        schedule = schedules.schedule_of(plan)
        if page == 0 and (why := schedules.not_made_up(plan, schedule, slot, moment, self._time_scale)):
            self._tell_slot(plan, scope, slot, ("suppressed", why), moment)
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
            for member in self._members(scope, schedule.segment_id, page):
                self._enter_made(plan, scope, slot.at_ms, Subject("contact", member), index, moment)
                started += 1
            page += 1
        return page if page < members.PAGES else None

    def _enter_made(
        self, plan: Plan, scope: Scope, slot_ms: int, subject: Subject, index: Index, moment: Moment
    ) -> None:
        key = row_key(scope, subject)
        row = self._tables.get(SUBJECTS, key) or {}
        event = schedules.slot_event(plan, scope, slot_ms, subject, row.get("facts", {}))
        if event.type == schedules.CLOCK or triggers(plan, event):
            self._enter(plan, key, row, event, None, index, moment, "schedule")

    def _tell_slot(
        self,
        plan: Plan,
        scope: Scope,
        slot: schedules.Slot,
        what: tuple[Literal["held", "suppressed"], str],
        moment: Moment,
    ) -> None:
        """Tell what became of a slot as a whole: once, though every shard decides the slots of a segment."""
        subjects = self._releases_at(plan, scope, slot)
        if schedules.schedule_of(plan) is not None and self._is_home(schedules.subject_of_slot(plan).id):
            subjects = [schedules.subject_of_slot(plan)]
        for subject in subjects:
            row = self._tables.get(SUBJECTS, row_key(scope, subject)) or {}
            event = schedules.slot_event(plan, scope, slot.at_ms, subject, row.get("facts", {}))
            self._sink.record(subject, feed.decision_record(*what, event, None, moment.now_ms, plan.flow_id))

    def _releases_at(self, plan: Plan, scope: Scope, slot: schedules.Slot) -> list[Subject]:
        days, dates = countdowns.days_of(plan), self._tables.get(ENTRIES, countdowns.dates_key(scope)) or {}
        found = [] if days is None else countdowns.releases_at(dates, days, slot.at_ms)
        return [Subject("release", release) for release in found]

    def _dates(self, flow: IndexedFlow) -> countdowns.Dates:
        """Return the dates of this shard's releases that a flow may count down to."""
        scopes = {plan.scope for plan in flow.plans.values() if countdowns.days_of(plan) is not None and plan.scope}
        return {
            release: date
            for scope in scopes
            for release, date in (self._tables.get(ENTRIES, countdowns.dates_key(scope)) or {}).items()
        }

    def _note_date(
        self, scope: Scope | None, release: Subject, told: dict[str, Any], index: Index, moment: Moment
    ) -> None:
        """Keep the date of a release, where it is news, and wait for the days that flows count down to."""
        key = countdowns.dates_key(scope) if scope else ""
        dates = countdowns.moved(self._tables.get(ENTRIES, key) or {}, release, told, moment.now_ms) if scope else None
        if scope is None or dates is None:
            return
        self._tables.put(ENTRIES, key, dates)
        counting = index.by_scope.get(scope, {}).get("release_approaching")
        for flow_id in counting.any_campaign if counting else ():
            if (timer := self.next_slot(index.flows[flow_id])) is not None:
                self._sink.timer(None, timer)

    def _members(self, scope: Scope, segment_id: str, page: int) -> Iterator[str]:
        row = self._tables.get(SUBJECTS, members.members_key(scope, segment_id, page))
        yield from row["ids"] if row else ()

    def _note_member(self, scope: Scope | None, contact: Subject, event: Event, segments: Sequence[str]) -> None:
        segment_id = opaque_id(event.payload.get("segmentId"))
        if scope is None or segment_id is None:
            return
        key = members.members_key(scope, segment_id, members.page_of(contact.id))
        page = members.changed(self._tables.get(SUBJECTS, key), contact.id, is_member=segment_id in segments)
        if page is not None:
            self._tables.put(SUBJECTS, key, page)

    # ---- one event

    def _accept(self, key: str, event: Event, source: Source, moment: Moment) -> dict[str, Any] | None:
        """Return the subject's row with this event marked in it, to be put back; None where it was there already."""
        row = self._tables.get(SUBJECTS, key) or {}
        if not self._seen(key, row).add(mark_of(event.source, event.id), moment.now_ms):
            self._suppress(event, source, "duplicate_event", moment)
            return None
        return row

    def _seen(self, key: str, row: dict[str, Any]) -> Seen:
        def page(number: int) -> Page | None:
            return self._tables.get(SUBJECTS, f"{key}\x1f{number}")

        def write(number: int, marks: Page | None) -> None:
            if marks is None:
                self._tables.delete(SUBJECTS, f"{key}\x1f{number}")
            else:
                self._tables.put(SUBJECTS, f"{key}\x1f{number}", dict(marks))

        return Seen(row, page, write)

    def _fold(self, key: str, row: dict[str, Any], event: Event, entity: Subject, index: Index, moment: Moment) -> None:
        folded: dict[str, Any] = row.setdefault("facts", {})
        facts.fold(folded, event)
        if entity.type in facts.BROADCAST_TYPES:
            self._sink.broadcast(key, folded)
        if event.type == "segment_updated":
            self._note_member(event.scope, entity, event, folded.get("segments", ()))
        if entity.type == "release":
            self._note_date(event.scope, entity, folded, index, moment)

    def _enter(
        self,
        plan: Plan,
        key: str,
        row: Mapping[str, Any],
        event: Event,
        source: Source | None,
        index: Index,
        moment: Moment,
        origin: Origin,
    ) -> None:
        if event.subject is None or event.scope is None:
            raise AssertionError("an event without subject or scope enters nothing")
        entries = self._tables.get(ENTRIES, key) or {}
        entry: Entry = entries.setdefault(plan.flow_id, new_entry())
        pages = f"{key}\x1f{plan.flow_id}\x1f"
        countdown = countdowns.countdown_of(plan, event)
        if countdowns.is_repeat(entry, countdown, event):
            self._suppress(event, source, "duplicate_event", moment, plan.flow_id)
            return
        family = self._used(key, str(event.metadata["rootExecutionId"])) if sub_flows.is_sub_flow(event) else None
        limits = index.limits_of(plan.user_id, plan.workspace_id)
        started = Started(event, origin, limits, self._time_scale, family)
        own = facts.SubjectFacts(event.subject, row.get("facts", {}), self._of(event.scope))
        house = index.house_of(plan.user_id, plan.workspace_id)
        refused = admit(
            plan,
            house,
            started,
            entry,
            own,
            moment,
            lambda name: self._tables.get(ENTRIES, pages + name),
            lambda name, marks: self._tables.put(ENTRIES, pages + name, marks),
        )
        if refused:
            self._suppress(event, source, refused, moment, plan.flow_id)
            return
        countdowns.note(entry, countdown, event)
        self._tables.put(ENTRIES, key, entries)
        done = step(plan, None, started, own, moment, manners=self._manners(plan, house, key))
        self._apply(plan, done, source, index.flows[plan.flow_id].head, moment)

    def _count_goals(self, key: str, event: Event, source: Source, index: Index, moment: Moment) -> set[ExecutionId]:
        """Count the goals that an event reaches; return the executions that end with theirs."""
        flow_ids = index.hearing(event)
        entries = self._tables.get(ENTRIES, key) if flow_ids else None
        reached = goals.take_reached(entries, flow_ids, event, moment.now_ms) if entries else []
        if entries and reached:
            self._tables.put(ENTRIES, key, entries)
        for flow_id, window in reached:
            record = feed.decision_record("counted", "goal", event, source.wire(), moment.now_ms, flow_id)
            self._sink.record(event.subject, {**record, "executionId": window["execution"]})
        return {window["execution"] for _, window in reached if window["exit"]}

    def _hearers(self, key: str, event: Event, index: Index) -> list[Run]:
        """Return the running executions of a subject that an event may move, the oldest first."""
        flow_ids = index.hearing(event)
        entries = self._tables.get(ENTRIES, key) if flow_ids else None
        if entries is None:
            return []
        running = [execution for flow_id in flow_ids for execution in entries.get(flow_id, {}).get("running", ())]
        rows = [row for execution in running if (row := self._tables.get(EXECUTIONS, execution)) is not None]
        # The sort is stable: of one flow as they started, of several in the order of flow ids.
        return sorted(map(Run.from_row, rows), key=lambda run: run.started_at_ms)

    def _move(self, run: Run, given: Input, source: Source | None, index: Index, moment: Moment) -> bool:
        """Move a running execution by an input; say whether that changed anything."""
        flow = index.flows.get(run.flow_id)
        plan = flow.plans.get(run.version) if flow else None
        if flow is None or plan is None:
            self._lost_version(run, moment)
            return True
        moved = plan
        if reason := self._end_of(run, index, moment):
            given = Ended(reason)
        else:
            moved = flow.plans.get(lifecycle.version_for(flow.head, run.version, moment.now_ms), plan)
        is_paused = lifecycle.is_paused(flow.head, moment.now_ms)
        house = index.house_of(moved.user_id, moved.workspace_id)
        manners = self._manners(moved, house, row_key(run.scope, run.subject))
        own = self._facts(run)
        run.counts = self._used(row_key(run.scope, run.subject), sub_flows.root_of(run)) or run.counts
        done = step(moved, run, given, own, moment, was=plan, manners=manners, flow_is_paused=is_paused)
        if done.is_news:
            self._apply(moved, done, source, flow.head, moment)
        return done.is_news

    def _end_of(self, run: Run, index: Index, moment: Moment) -> EndReason | None:
        flow = index.flows.get(run.flow_id)
        return lifecycle.end_of(flow.head, run.version, run.started_at_ms, moment.now_ms) if flow else None

    def _facts(self, run: Run) -> facts.SubjectFacts:
        row = self._tables.get(SUBJECTS, row_key(run.scope, run.subject)) or {}
        return facts.SubjectFacts(run.subject, row.get("facts", {}), self._of(run.scope))

    def _manners(self, plan: Plan, house: House, key: str) -> Manners:
        """Return the rules for messages to a subject, by the key of its rows."""
        if plan.messages is None and house.messages is None:
            return NO_MANNERS
        return Manners(plan.messages, house.messages, lambda: sent_to(self._tables.get(ENTRIES, key)))

    def _of(self, scope: Scope) -> Any:
        return lambda entity: self._entities.get(row_key(scope, entity))

    # ---- what was decided

    def _apply(self, plan: Plan, done: Step, source: Source | None, head: FlowHead, moment: Moment) -> None:
        run = done.run
        for command in done.commands:
            self._sink.command(run, command)
        wire = source.wire() if source else None
        self._sink.record(run.subject, feed.execution_record(plan, done, wire))
        for held in done.held_back:
            self._sink.record(run.subject, feed.held_back_record(run, held, wire))
        self._note_family(done, moment)
        self._note_running(run, done.sent_ms, moment.wall_ms)
        self._note_awaited(plan, done, moment)
        if plan.goal is not None and run.seq == 1:
            self._open_goal(plan, plan.goal, run, moment)
        if run.finished_at_ms is not None:
            if retrying.can_be_retried(run):
                self._tables.put(EXECUTIONS, run.id, run.to_row())
                self._sink.timer(run, retrying.forget_timer(run.id, run.finished_at_ms))
            else:
                self._tables.delete(EXECUTIONS, run.id)
            return
        self._tables.put(EXECUTIONS, run.id, run.to_row())
        for moved in done.steps:
            wait = run.waits.get((moved["nodeId"], moved["visit"]))
            if wait is not None:
                self._sink.timer(run, Timer(wait.until_ms, run.id, wait.rank, moved["visit"], moved["nodeId"]))
        # A shard that lags behind a change of the flow meets it when its clock gets there.
        for at_ms in lifecycle.changes(head, run.version, run.started_at_ms, is_stopped=bool(run.stopped)):
            if at_ms >= moment.now_ms:
                self._sink.timer(run, change_timer(run.id, at_ms))

    def _used(self, key: str, root: str) -> Counts | None:
        return sub_flows.used(self._tables.get(ENTRIES, sub_flows.families_key(key)), root)

    def _note_family(self, done: Step, moment: Moment) -> None:
        """Send the sub-flows on their way, and keep what the family has used: every member goes on from there."""
        run, root = done.run, sub_flows.root_of(done.run)
        for child in done.sub_flows:
            self._sink.sub_flow(child.flow_id, child.event)
        key = sub_flows.families_key(row_key(run.scope, run.subject))
        families = self._tables.get(ENTRIES, key) or {}
        if done.sub_flows or root in families:
            self._tables.put(ENTRIES, key, sub_flows.note(families, root, run.counts, moment.now_ms))

    def _lost_version(self, run: Run, moment: Moment) -> None:
        """End an execution whose version is gone from `mal.flows`: it must not wait in silence for ever."""
        run.seq += 1
        run.status = ExecutionStatus.FAILED
        run.end_reason = EndReason.COMPLETED
        run.finished_at_ms = moment.now_ms
        run.error = StepError(
            "version_missing",
            f"version {run.version} of flow {run.flow_id} is not on mal.flows any more; publish it again from Postgres",
        )
        self._sink.record(run.subject, feed.lost_record(run))
        self._note_running(run)
        self._tables.delete(EXECUTIONS, run.id)

    def _note_running(self, run: Run, sent_ms: Sequence[int] = (), wall_ms: int = 0) -> None:
        key = row_key(run.scope, run.subject)
        entries = self._tables.get(ENTRIES, key) or {}
        entry: Entry = entries.setdefault(run.flow_id, new_entry())
        if sent_ms:
            note_sent(entry, sent_ms, wall_ms)
        if note_running(entry, run.id, is_running=run.end_reason is None) or sent_ms:
            self._tables.put(ENTRIES, key, entries)

    def _open_goal(self, plan: Plan, goal: PlanGoal, run: Run, moment: Moment) -> None:
        key = row_key(run.scope, run.subject)
        entries = self._tables.get(ENTRIES, key) or {}
        context = starting_context(plan, run.event, run.origin, run.time_scale, self._facts(run), moment)
        goals.open_window(entries.setdefault(run.flow_id, new_entry()), goal, run, context)
        self._tables.put(ENTRIES, key, entries)

    def _note_awaited(self, plan: Plan, done: Step, moment: Moment) -> None:
        """Keep in step which commands are awaited, so that their answers find the execution."""
        steps = [moved for moved in done.steps if moved["commandIds"] and _awaits(plan, moved["nodeId"])]
        if not steps:
            return
        run, key = done.run, awaited.awaited_key(done.run.subject.id)
        row = self._tables.get(ENTRIES, key) or {}
        for moved in steps:
            wait = run.waits.get((moved["nodeId"], moved["visit"]))
            for command in moved["commandIds"]:
                if wait is not None:
                    awaited.begin(row, command, plan.by_id[moved["nodeId"]], run, wait.knows["deadline"])
                else:
                    awaited.end(row, command, moment.now_ms)
        self._tables.put(ENTRIES, key, row)

    def _hold(self, plan: Plan, event: Event, source: Source, moment: Moment) -> None:
        """Note on the feed what a paused flow would have taken: from there it is taken again on resume."""
        record = feed.decision_record("held", "paused", event, source.wire(), moment.now_ms, plan.flow_id)
        self._sink.record(event.subject, record)

    def _suppress(
        self,
        event: Event,
        source: Source | None,
        reason: str,
        moment: Moment,
        flow_id: FlowId | None = None,
        *,
        execution: ExecutionId | None = None,
    ) -> None:
        record = feed.decision_record(
            "suppressed", reason, event, source.wire() if source else None, moment.now_ms, flow_id
        )
        if execution is not None:
            record["executionId"] = execution
        self._sink.record(event.subject, record)


def _refused_sub_flow(plan: Plan, event: Event) -> str | None:
    if event.depth > MAX_DEPTH:
        return "too_deep"
    return None if plan.trigger.type.name == sub_flows.MANUAL else "not_manual"


def _awaits(plan: Plan, node_id: str) -> bool:
    node = plan.by_id.get(node_id)
    return node is not None and node.awaits is not None
