"""What is noted when a step was applied: its records, and the rows by which later inputs find the execution again.

Decides nothing: the step says what happened. Here it is sent on its way, and each row beside the execution is kept in
step with it: what runs, which goals are open, which commands are awaited, what a family has used, what is due.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine import feed, goals, lifecycle, retrying, sub_flows
from engine.admission import starting_context
from engine.awaited import Awaited
from engine.due import Timer, change_timer
from engine.entered import Entry, new_entry, note_running, note_sent
from engine.flow import FlowHead
from engine.inputs import Moment, Step
from engine.plan import Plan
from engine.run import CHILD, Run
from engine.shard_tables import Rows, row_key
from engine.sink import Sink, Source
from engine.types import EndReason, ExecutionStatus, StepError


class Bookkeeping:
    """Keeps a shard's rows in step with its executions, and hands on what these decide.

    Args:
        rows: of the shard.
        sink: takes what was decided.
    """

    __slots__ = ("_rows", "_sink")

    def __init__(self, rows: Rows, sink: Sink) -> None:
        self._rows = rows
        self._sink = sink

    def apply(
        self,
        plan: Plan,
        done: Step,
        source: Source | None,
        head: FlowHead,
        moment: Moment,
        *,
        has_moved: bool = False,
    ) -> None:
        """Send what a step decided on its way, and keep what it leaves behind.

        Args:
            plan: the version that the execution is on now.
            done: the step.
            source: where its input lies; None for a timer.
            head: the flow, with the changes that are still to come.
            moment: of the decision.
            has_moved: whether it came from another version with this step.
        """
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
        if (plan.goal is not None and run.seq == 1) or (has_moved and not run.has_reached_goal):
            self._set_goal(plan, run, moment)
        if run.finished_at_ms is not None:
            if retrying.can_be_retried(run):
                self._rows.put_run(run)
                self._sink.timer(run, retrying.forget_timer(run.id, run.finished_at_ms))
            else:
                self._rows.delete_run(run.id)
            return
        self._rows.put_run(run)
        for moved in done.steps:
            wait = run.waits.get((moved["nodeId"], moved["visit"]))
            if wait is not None and wait.reason != CHILD:
                self._sink.timer(run, Timer(wait.until_ms, run.id, wait.rank, moved["visit"], moved["nodeId"]))
        # A shard that lags behind a change of the flow meets it when its clock gets there.
        for at_ms in lifecycle.changes(head, run.version, run.started_at_ms, is_stopped=bool(run.stopped)):
            if at_ms >= moment.now_ms:
                self._sink.timer(run, change_timer(run.id, at_ms))

    def lose(self, run: Run, moment: Moment) -> None:
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
        self._rows.delete_run(run.id)

    def _note_family(self, done: Step, moment: Moment) -> None:
        """Send the sub-flows on their way, and keep what the family has used: every member goes on from there."""
        run, root = done.run, sub_flows.root_of(done.run)
        for child in done.sub_flows:
            if child.parent is None:
                self._sink.sub_flow(child)
        key = sub_flows.families_key(row_key(run.scope, run.subject))
        families = self._rows.entries(key)
        if done.sub_flows or root in families:
            self._rows.put_entries(key, sub_flows.note(families, root, run.counts, moment.now_ms))

    def _note_running(self, run: Run, sent_ms: Sequence[int] = (), wall_ms: int = 0) -> None:
        key = row_key(run.scope, run.subject)
        entries = self._rows.entries(key)
        entry: Entry = entries.setdefault(run.flow_id, new_entry())
        if sent_ms:
            note_sent(entry, sent_ms, wall_ms)
        if note_running(entry, run.id, is_running=run.end_reason is None) or sent_ms:
            self._rows.put_entries(key, entries)

    def _set_goal(self, plan: Plan, run: Run, moment: Moment) -> None:
        key = row_key(run.scope, run.subject)
        entries = self._rows.entries(key)
        own = self._rows.facts_of(run.scope, run.subject)
        context = starting_context(plan, run.event, run.origin, run.time_scale, own, moment)
        entry: Entry = entries.setdefault(run.flow_id, new_entry())
        goals.set_window(entry, plan.goal, run, context, len(entries))
        self._rows.put_entries(key, entries)

    def _note_awaited(self, plan: Plan, done: Step, moment: Moment) -> None:
        """Keep in step which commands are awaited, so that their answers find the execution."""
        steps = [moved for moved in done.steps if moved["commandIds"] and _awaits(plan, moved["nodeId"])]
        if not steps:
            return
        run = done.run
        commands = Awaited(run.subject.id, self._rows.entries)
        for moved in steps:
            wait = run.waits.get((moved["nodeId"], moved["visit"]))
            for command in moved["commandIds"]:
                # One may end with the input that made it.
                if wait is not None or commands.known(command) is None:
                    until_ms = wait.knows["deadline"] if wait is not None else moment.now_ms
                    commands.begin(command, plan.by_id[moved["nodeId"]], run, until_ms)
                if wait is None:
                    commands.end(command, moment.now_ms)
        for key, row in commands.changed().items():
            self._rows.put_entries(key, row)


def _awaits(plan: Plan, node_id: str) -> bool:
    node = plan.by_id.get(node_id)
    return node is not None and node.awaits is not None
