"""The state machine of an execution: `step` moves it by one input.

Everything that changes a run is in four files: here what each input does; in `acting` what a node does; in `wave` where
branches go on, meet and end; in `trail` how a step is recorded. The rules are those of product.md section 2: ready
nodes run in rank until none is ready; a node runs once per visit; a failed step ends its branch; what would pass a
limit ends the execution. None of the four names a node type: triggers, conditions and actions answer through
`nodes.base`, and the trail is written for them, so that none can forget it.
`step` never raises for anything that a user's flow or an event can contain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from engine import concerns, ids, migrating, pausing, retrying, waiting
from engine.acting import Acting
from engine.awaiting import AwaitedStep
from engine.context import Facts
from engine.inputs import (
    Answered,
    ChildEnded,
    Ended,
    EventHeard,
    Input,
    Moment,
    Paused,
    Resumed,
    Retried,
    Started,
    Step,
    TimerDue,
)
from engine.manners import NO_MANNERS, Manners
from engine.node_inputs import NodeInputs
from engine.nodes.base import OUT
from engine.plan import Plan
from engine.run import Counts, Key, Run
from engine.sending import Sending
from engine.trail import OpenStep, Trail
from engine.types import EndReason, ExecutionStatus, Json
from engine.wave import Wave

_ASKED_BEFORE: Final = (TimerDue, EventHeard, Answered, ChildEnded, Resumed)
"""The inputs before which exit rules are asked."""


def step(
    plan: Plan,
    run: Run | None,
    given: Input,
    facts: Facts,
    moment: Moment,
    *,
    was: Plan | None = None,
    manners: Manners = NO_MANNERS,
    flow_is_paused: bool = False,
) -> Step:
    """Move an execution by one input.

    Args:
        plan: the version it runs on.
        run: the execution, or None for `Started`. It is consumed: use the one in the answer.
        given: what happened.
        facts: what the systems said last, with this input already in them.
        moment: the log time and the wall time of the decision.
        was: the version it was on, where it moves to another with this input.
        manners: the rules for messages.
        flow_is_paused: nothing runs then; what comes due or arrives is held before the next node.
    """
    if isinstance(given, Started):
        run = _new_run(plan, given, moment)
    if run is None:
        raise AssertionError("only a start has no execution yet")
    turn = _Turn(plan, run, facts, moment, manners, flow_is_paused=flow_is_paused)
    if not turn.concerns(given):
        return Step(run, (), (), is_news=False)
    if was is not None and was.version != plan.version and not turn.move(was):
        return turn.stop(EndReason.NODE_REMOVED)
    if isinstance(given, _ASKED_BEFORE) and (ended := turn.exit(given)):
        return ended
    return _moved(turn, given)


def _moved(turn: _Turn, given: Input) -> Step:
    match given:
        case TimerDue():
            done = turn.wake((given.node_id, given.visit))
        case EventHeard():
            done = turn.hear(given)
        case Answered():
            done = turn.take(given)
        case ChildEnded():
            done = turn.end_child(given)
        case Ended():
            done = turn.stop(given.reason)
        case Paused():
            done = turn.pause()
        case Resumed():
            done = turn.resume(of_flow=given.of_flow)
        case Retried():
            done = turn.retry()
        case Started():
            done = turn.start()
        case _:
            assert_never(given)
    return done


def _new_run(plan: Plan, given: Started, moment: Moment) -> Run:
    event = given.event
    if event.subject is None:
        raise AssertionError("an event without a subject starts no execution")
    return Run(
        id=ids.execution_id(plan.flow_id, event.source, event.subject, event.id),
        flow_id=plan.flow_id,
        version=plan.version,
        user_id=plan.user_id,
        workspace_id=plan.workspace_id,
        origin=given.origin,
        event=event,
        started_at_ms=moment.now_ms,
        time_scale=given.time_scale,
        limits=given.limits,
        counts=given.used or Counts(),
        parent=given.parent,
        is_pinned=given.is_pinned,
    )


class _Turn:
    """What one input does: where it sets the execution going, until no node is ready any more."""

    __slots__ = ("_acting", "_flow_is_paused", "_inputs", "_moment", "_plan", "_run", "_sending", "_trail", "_wave")

    def __init__(
        self,
        plan: Plan,
        run: Run,
        facts: Facts,
        moment: Moment,
        manners: Manners,
        *,
        flow_is_paused: bool = False,
    ) -> None:
        self._plan = plan
        self._run = run
        self._moment = moment
        self._flow_is_paused = flow_is_paused
        self._inputs = NodeInputs(plan, run, facts, moment)
        self._sending = Sending()
        self._trail = Trail(run, moment.now_ms)
        self._wave = Wave(plan, run, self._trail, moment.now_ms)
        self._acting = Acting(
            plan, run, moment,
            inputs=self._inputs, manners=manners, trail=self._trail, wave=self._wave, sending=self._sending,
        )  # fmt: skip

    def start(self) -> Step:
        """Run the trigger, and what follows it."""
        self._run.counts.steps += 1
        self._wave.finish(self._trail.open(self._plan.trigger, 1), OUT, self._run.event.payload)
        return self._go_on()

    def wake(self, key: Key) -> Step:
        """End a wait, and run what follows it."""
        if self._is_held and pausing.would_act(self._plan.by_id[key[0]], self._run.waits[key]):
            self._run.stopped.append(key)
        else:
            self._acting.wake(key)
        return self._go_on()

    def concerns(self, given: Input) -> bool:
        """Whether it is an input at all (`engine.concerns`)."""
        match given:
            case EventHeard():
                return (
                    given.reaches_goal
                    or bool(concerns.hearers(self._run, given.event))
                    or self._exit_rule(given) is not None
                )
            case Answered():
                return concerns.taker(self._run, given) is not None
            case ChildEnded():
                return concerns.runner(self._run, given) is not None
            case _:
                return True

    def hear(self, given: EventHeard) -> Step:
        """End the waits that an event is for, and run what follows them. A wait that opens meanwhile hears nothing."""
        if given.reaches_goal:
            return self.stop(EndReason.GOAL)
        event, by_id = given.event, self._plan.by_id
        for key in sorted(concerns.hearers(self._run, event), key=lambda key: (by_id[key[0]].rank, key[1])):
            self._acting.hear(key, event)
        return self._go_on()

    def take(self, answer: Answered) -> Step:
        """Take the answer to a command."""
        run = self._run
        key = concerns.taker(run, answer)
        assert key is not None  # else it is no input
        wait = run.waits.pop(key)
        run.stopped = [one for one in run.stopped if one != key]
        awaited = AwaitedStep(wait.knows)
        taken = awaited.take(answer, self._next_attempt)
        self._acting.settle(OpenStep(self._plan.by_id[key[0]], key[1], wait.step), awaited, taken)
        return self._go_on()

    def end_child(self, ended: ChildEnded) -> Step:
        """Go on with the step that waits for a sub-flow."""
        key = concerns.runner(self._run, ended)
        assert key is not None  # else it is no input
        self._acting.end_child(key, ended)
        return self._go_on()

    def exit(self, given: Input) -> Step | None:
        """End at once where an exit rule says so."""
        place = self._exit_rule(given)
        return None if place is None else self.stop(EndReason.EXITED, {"exitRule": place})

    def stop(self, reason: EndReason, notes: Mapping[str, Json] | None = None) -> Step:
        """End at once: open waits are skipped, and note why where there is more to say."""
        self._wave.end(reason)
        for record in self._trail.moved.values() if notes else ():
            if record.get("reason") == reason:
                record.setdefault("notes", {}).update(notes)
        return self._answer()

    def pause(self) -> Step:
        """Hold before the next node from now on."""
        self._run.is_paused = True
        return self._go_on()

    def resume(self, *, of_flow: bool) -> Step:
        """Run what a pause held, unless another one still holds it."""
        self._run.is_paused = self._run.is_paused and of_flow
        return self._go_on()

    def retry(self) -> Step:
        """Open an execution that has ended again, and run its failed nodes once more."""
        run = self._run
        run.end_reason, run.finished_at_ms, run.error, run.has_failed = None, None, None, False
        run.is_paused = False  # it ended in that pause
        for key in retrying.reopened(run):
            del run.path[key]
        for key in retrying.failed(self._plan, run):
            del run.path[key]
            run.outputs.pop(key[0], None)
            run.tries[key] = run.tries.get(key, 1) + 1
            self._wave.make_ready(key)
        return self._go_on()

    def move(self, was: Plan) -> bool:
        """Go on by this version instead of another; say whether everything the execution stands at is still there."""
        run = self._run
        run.version = self._plan.version
        self._wave.known = {**was.by_id, **self._plan.by_id}
        if migrating.lost_nodes(run, was, self._plan):
            return False
        run.arrivals = migrating.arrivals(run, was, self._plan)
        for wait in run.waits.values():  # its rank stays, too: by that its timer is known
            wait.knows = {"config": wait.step["input"], **wait.knows}
        self._wave.join_anew()
        return True

    def _exit_rule(self, given: Input) -> int | None:
        """Return the place of the exit rule that is met."""
        if not self._plan.exits.rules:
            return None
        event = given.event if isinstance(given, EventHeard) else None
        return self._plan.exits.met(event, self._inputs.context(self._plan.trigger, 1))

    @property
    def _is_held(self) -> bool:
        """Whether a pause holds the execution before its next node."""
        return self._run.is_paused or self._flow_is_paused

    def _go_on(self) -> Step:
        if self._is_held:
            self._wave.hold()
        else:
            self._wave.let_go()
            self._run_ready()
        self._wave.end_if_done()
        return self._answer()

    def _run_ready(self) -> None:
        acting, wave = self._acting, self._wave
        while ready := wave.next():
            node, visit = ready
            if (node.id, visit) in self._run.waits:
                acting.wake((node.id, visit))
            else:
                acting.run_node(node, visit)

    def _next_attempt(self, seconds: float) -> int:
        return waiting.next_attempt(seconds, self._moment, self._run.time_scale)

    def _answer(self) -> Step:
        run, sending = self._run, self._sending
        run.seq += 1
        if run.end_reason is None:
            is_held = run.is_paused or run.stopped
            run.status = ExecutionStatus.PAUSED if is_held else ExecutionStatus.RUNNING
        return Step(
            run,
            tuple(sending.commands),
            tuple(self._trail.moved.values()),
            held_back=tuple(sending.held_back),
            sent_ms=tuple(sending.sent_ms),
            # One whose parent ends within the same input never begins.
            sub_flows=tuple(child for child in sending.sub_flows if child.execution not in self._wave.left),
            left=tuple(self._wave.left),
        )
