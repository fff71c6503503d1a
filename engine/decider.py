"""Decide one input of a shard: the order of things for one event, over the shard's tables.

For one event: duplicates are dropped, facts are folded, the subject's running executions hear it, oldest first, then
new entries start in the order of flow ids; all see the facts with this event in them (product.md section 2, Entry,
exit, goal). What is held back is recorded with its reason. Live traffic, replay and test runs use this same class; it
does no I/O and reads no clock. How an execution starts and moves is `executions.py`; what the clock starts, `slots.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from engine import facts, feed, lifecycle, resuming, retrying, sub_flows
from engine.awaited import Awaited
from engine.awaiting import RETRY, AwaitedStep
from engine.bookkeeping import Bookkeeping
from engine.decisions import Decisions
from engine.due import Timer
from engine.events import MAX_DEPTH, Event
from engine.executions import Executions
from engine.flow import StatusChange
from engine.folding import Folding
from engine.inputs import Answered, Ended, Held, Input, Moment, Paused, Resumed, Retried, TimerDue
from engine.matching import Index, IndexedFlow, triggers
from engine.nodes.registry import node_types
from engine.plan import Plan
from engine.seen import mark_of
from engine.shard_tables import Entities, Row, Rows, Tables, row_key
from engine.sink import Sink, Source
from engine.slots import Slots
from engine.systems import BY_COMMAND_TYPE, BY_EVENT_TYPE
from engine.types import EndReason, ExecutionId, FlowId, NodeId, Origin, Standing, Subject, Verb

_INPUT_OF: Final[Mapping[Verb, Input]] = MappingProxyType({
    "pause": Paused(), "resume": Resumed(), "cancel": Ended(EndReason.CANCELLED), "retry": Retried(),
})  # fmt: skip


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
        self._sink = sink
        self._time_scale = time_scale
        self._all_facts = all_facts
        self._rows = Rows(tables, entities)
        self._decisions = Decisions(sink)
        self._executions = Executions(self._rows, Bookkeeping(self._rows, sink), self._decisions, time_scale)
        self._slots = Slots(self._rows, sink, self._executions, self._decisions, time_scale=time_scale, is_home=is_home)
        self._folding = Folding(self._rows, sink, self._slots, self._decisions)

    def event(self, event: Event, source: Source, index: Index, moment: Moment, origin: Origin = "live") -> None:
        """Decide a domain event."""
        if event.scope is None or event.subject is None:
            self._decisions.suppress(event, source, "unscoped", moment)
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
            self._folding.fold(key, row, event, source, event.subject, index, moment)
        elif entity is not None:
            self._sink.fact(entity, event)
        self._rows.put_subject(key, row)
        if event.depth > MAX_DEPTH:
            self._decisions.suppress(event, source, "too_deep", moment)
            return
        self._executions.hear(key, event, source, index, moment)
        for plan in index.matches(event, moment.now_ms):
            if lifecycle.is_paused(index.flows[plan.flow_id].head, moment.now_ms):
                self._decisions.hold(plan.flow_id, event, source, moment)
            else:
                self._executions.enter(plan, event, source, index, moment, origin)

    def manual(
        self,
        flow_id: FlowId,
        event: Event,
        source: Source,
        index: Index,
        moment: Moment,
        version: int | None = None,
    ) -> None:
        """Decide a manual trigger: it starts one flow, whatever its trigger is.

        Args:
            flow_id: which flow.
            event: the trigger.
            source: where it lies.
            index: the published flows.
            moment: now.
            version: one that is named, instead of the one in force.
        """
        flow, plan = _flow_of(flow_id, event, index, moment, version)
        if event.scope is None or event.subject is None:
            self._decisions.suppress(event, source, "unscoped", moment)
        elif flow is None or plan is None:
            self._decisions.suppress(event, source, "not_published", moment, flow_id)
        elif sub_flows.is_sub_flow(event) and (refused := sub_flows.refused(plan, event)):
            self._decisions.suppress(event, source, refused, moment, flow_id)
        else:
            key = row_key(event.scope, event.subject)
            row = self._accept(key, event, source, moment)
            if row is None:
                return
            self._rows.put_subject(key, row)
            if lifecycle.is_paused(flow.head, moment.now_ms):
                self._decisions.hold(plan.flow_id, event, source, moment)
            else:
                pinned = version is not None
                self._executions.enter(plan, event, source, index, moment, "manual", is_pinned=pinned)

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
        flow, plan = _flow_of(flow_id, event, index, moment, held.version)
        if event.scope is None or event.subject is None:
            self._decisions.suppress(event, source, "unscoped", moment)
        elif flow is None or plan is None:
            self._decisions.suppress(event, source, "not_published", moment, flow_id)
        elif lifecycle.is_paused(flow.head, moment.now_ms):
            self._decisions.hold(plan.flow_id, event, source, moment)
        elif resuming.is_skipped(plan.on_resume, held.at_ms, moment.now_ms, self._time_scale):
            self._decisions.suppress(event, source, "skipped_on_resume", moment, flow_id)
        elif not (held.by_hand or triggers(plan, event)):
            self._decisions.suppress(event, source, "not_matching", moment, flow_id)
        else:
            origin: Origin = "manual" if held.by_hand else "backfill"
            pinned = held.version is not None
            self._executions.enter(plan, event, source, index, moment, origin, is_pinned=pinned)

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
        row = self._rows.subject(key)
        if self._rows.seen(key, row).add(mark_of(event.source, event.id), moment.now_ms):
            self._folding.fold(key, row, event, None, entity, index, moment)
            self._rows.put_subject(key, row)

    def timer(self, execution: ExecutionId, node_id: NodeId, visit: int, index: Index, moment: Moment) -> None:
        """Decide a wait that is over. One that is over already, or was ended, is no news."""
        run = self._rows.run(execution)
        if run is None:
            return
        if run.finished_at_ms is not None:
            if run.finished_at_ms + retrying.KEPT_MS <= moment.now_ms:
                self._rows.delete_run(run.id)
            return
        wait = run.waits.get((node_id, visit))
        if wait is None or wait.until_ms > moment.now_ms or (node_id, visit) in run.stopped:
            return
        self._executions.move(run, TimerDue(node_id, visit), None, index, moment)

    def next_attempt(self, execution: ExecutionId, node_id: NodeId, visit: int) -> tuple[str, int] | None:
        """Return the system that a step's next attempt goes to, and its deadline; None where it waits for none."""
        run = self._rows.run(execution)
        wait = run.waits.get((node_id, visit)) if run is not None else None
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
        known = Awaited(subject_id, self._rows.entries).known(answer.command_id)
        if known is None:
            return None
        run = self._rows.run(known["execution"])
        if run is None or run.end_reason is not None or not self._executions.move(run, answer, source, index, moment):
            subject = Subject(known["subject"][0], subject_id)
            self._sink.record(subject, feed.late_record(known, subject, answer, source.wire(), moment.now_ms))
        return BY_COMMAND_TYPE[known["type"]].name

    def change(self, execution: ExecutionId, index: Index, moment: Moment) -> None:
        """Do with an execution what a change of its flow asks for: end it, or let it go on after a pause."""
        run = self._rows.run(execution)
        flow = index.flows.get(run.flow_id) if run else None
        if run is None or flow is None or run.end_reason is not None:
            return
        ends = self._executions.end_of(run, index, moment)
        if ends or (run.stopped and not run.is_paused and not lifecycle.is_paused(flow.head, moment.now_ms)):
            self._executions.move(run, Resumed(of_flow=True), None, index, moment)

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
        run = self._rows.run(execution)
        if run is not None and run.scope != event.scope:
            run = None  # another's: to whoever asks it is not there
        if run is None or (run.end_reason is not None) != (verb == "retry"):
            too_late = "not_failed" if verb == "retry" else "not_running"
            self._decisions.suppress(event, source, too_late, moment, execution=execution)
        elif verb == "retry" and (ends := self._executions.end_of(run, index, moment)):
            self._decisions.suppress(event, source, ends, moment, execution=execution)
        else:
            self._executions.move(run, _INPUT_OF[verb], source, index, moment)

    def next_slot(self, flow: IndexedFlow) -> Timer | None:
        """Return the timer of the slot of a flow that this shard has to decide next."""
        return self._slots.next_slot(flow)

    def slot(self, flow_id: FlowId, index: Index, moment: Moment) -> None:
        """Decide the next slot of a schedule, or a chunk of one for a segment. One that is done is no news."""
        self._slots.decide(flow_id, index, moment)

    def _accept(self, key: str, event: Event, source: Source, moment: Moment) -> Row | None:
        """Return the subject's row with this event marked in it, to be put back; None where it was there already."""
        row = self._rows.subject(key)
        if not self._rows.seen(key, row).add(mark_of(event.source, event.id), moment.now_ms):
            self._decisions.suppress(event, source, "duplicate_event", moment)
            return None
        return row


def _flow_of(
    flow_id: FlowId, event: Event, index: Index, moment: Moment, version: int | None
) -> tuple[IndexedFlow | None, Plan | None]:
    """Return a flow and the plan of it that an event starts; none of either where the flow is not of its scope."""
    flow = index.flows.get(flow_id)
    plan = flow.matching_plan_at(moment.now_ms, version) if flow else None
    return (None, None) if plan and plan.scope != event.scope else (flow, plan)
