"""One node: conditions are asked, actions act, waits open and are over, awaited commands are tried again.

One of the four files in which everything that changes a run is (`interpreter`, `acting`, `wave`, `trail`). It names no
node type: conditions and actions answer through `nodes.base`. Which node is next is the wave's to say.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from engine import limits, waiting
from engine.awaiting import ANSWER, RETRY, AwaitedStep
from engine.budget import Budget
from engine.events import Event
from engine.inputs import ChildEnded, Command, HeldBack, Moment
from engine.manners import Deferred, LeftOut, Letter, Manners
from engine.node_inputs import NodeInputs, read_config
from engine.nodes.base import EVENT, OUT, TIMEOUT, ActionType, ConditionType, Done, Failed, Listen, Wait
from engine.plan import Plan, PlanNode
from engine.run import CHILD, Key, Run, WaitState
from engine.sending import Sending, commands_of, lead_ms
from engine.trail import OpenStep, Trail
from engine.types import Json, StepError
from engine.wave import Wave
from engine.wire import LAST_MS


class Acting:
    """The nodes of one execution while one input moves it.

    Args:
        plan: the version it runs on.
        run: the execution.
        moment: the log time and the wall time of the decision.
        inputs: what the nodes read.
        manners: the rules for messages.
        trail: where the steps are written.
        wave: where branches go on.
        sending: where what is made is put.
    """

    __slots__ = ("_budget", "_inputs", "_manners", "_moment", "_plan", "_run", "_sending", "_trail", "_wave")

    def __init__(
        self,
        plan: Plan,
        run: Run,
        moment: Moment,
        *,
        inputs: NodeInputs,
        manners: Manners,
        trail: Trail,
        wave: Wave,
        sending: Sending,
    ) -> None:
        self._plan = plan
        self._run = run
        self._budget = Budget(run)
        self._moment = moment
        self._inputs = inputs
        self._manners = manners
        self._trail = trail
        self._wave = wave
        self._sending = sending

    def run_node(self, node: PlanNode, visit: int) -> None:
        """Run a node that a branch has arrived at."""
        run = self._run
        if (node.id, visit) not in run.tries:  # retries do not count
            if error := limits.passed_by_step(run.counts, node.id):
                self._wave.stop_at_limit(self._trail.never_begun(node, visit), error)
                return
            run.counts.steps += 1
        step = self._trail.open(node, visit)
        if isinstance(node.type, ConditionType):
            self._decide(step)
        else:
            self._act(step, woken=False)

    def wake(self, key: Key) -> None:
        """Go on with a node whose wait is over."""
        wait = self._taken(key)
        step = OpenStep(self._plan.by_id[key[0]], key[1], wait.step, wait.knows.get("config"))
        if wait.reason == EVENT:
            self._wave.finish(step, TIMEOUT, {})
        elif wait.reason in {ANSWER, RETRY}:
            self._try_again(step, AwaitedStep(wait.knows))
        else:
            self._act(step, woken=True, held_since_ms=wait.knows.get("heldSince"))

    def settle(self, step: OpenStep, awaited: AwaitedStep, taken: str | Failed) -> None:
        """Go on with a step by what its commands came to so far (`AwaitedStep.take`)."""
        if isinstance(taken, Failed):
            self._wave.fail(step, taken)
        elif taken == "done":
            self._end_awaited(step, Done(output=awaited.output, tags=awaited.tags))
        else:
            self._wait(step, awaited.reason, awaited.until_ms, awaited.knows)

    def end_child(self, key: Key, ended: ChildEnded) -> None:
        """Go on with a step whose sub-flow has ended, or was not to be started."""
        step = OpenStep(self._plan.by_id[key[0]], key[1], self._taken(key).step)
        if ended.failed:
            self._wave.fail(step, ended.failed)
        else:
            self._end_awaited(step, Done(output=ended.output))

    def hear(self, key: Key, event: Event) -> None:
        """End a wait with the event that it is for."""
        step = OpenStep(self._plan.by_id[key[0]], key[1], self._taken(key).step)
        output = {"event": event.payload}
        if failed := self._budget.refuse_output(step.node.id, output):
            self._wave.fail(step, failed)
        else:
            self._wave.finish(step, EVENT, output)

    # ---- waits

    def _taken(self, key: Key) -> WaitState:
        """Take a wait that is over."""
        self._budget.free(key)
        return self._run.waits.pop(key)

    def _wait(self, step: OpenStep, reason: str, until_ms: int, knows: dict[str, Json]) -> bool:
        """Let a step wait, and say so, unless it would keep too much: then it has failed."""
        if failed := self._budget.refuse_wait(step.key, step.record, knows):
            self._wave.fail(step, failed)
            return False
        self._trail.wait(step, reason, until_ms, knows)
        return True

    def _end_awaited(self, step: OpenStep, done: Done) -> None:
        """End a step by what it waited for."""
        if failed := self._budget.refuse_output(step.node.id, done.output, done.tags):
            self._wave.fail(step, failed)
        else:
            self._succeed(step, done)

    # ---- conditions

    def _decide(self, step: OpenStep) -> None:
        context = self._inputs.context(step.node, step.visit)
        config = read_config(step, context)
        kind = cast(ConditionType[Any], step.node.type)
        answer = config if isinstance(config, Failed) else kind.decide(config, context)
        step.note(context.notes)
        if isinstance(answer, Failed):
            self._wave.fail(step, answer)
        elif isinstance(answer, Listen):
            self._listen(step, answer)
        else:
            self._wave.finish(step, answer, {"result": answer})

    def _listen(self, step: OpenStep, listen: Listen) -> None:
        until_ms = self._until(step, listen)
        if until_ms > self._moment.now_ms:
            self._wait(step, EVENT, until_ms, {"type": listen.type, "match": listen.match})
        else:
            self._wave.finish(step, TIMEOUT, {})

    def _until(self, step: OpenStep, wait: Wait | Listen) -> int:
        if isinstance(wait, Wait) and wait.until_ms is not None:
            return waiting.bounded(wait.until_ms, step.visit, self._moment)
        until_ms, notes = waiting.after(wait.seconds or 0, self._moment, self._run.time_scale)
        step.note(notes)
        return waiting.bounded(until_ms, step.visit, self._moment)

    # ---- actions

    def _act(self, step: OpenStep, *, woken: bool, held_since_ms: int | None = None) -> None:
        run, node, kind = self._run, step.node, _action(step)
        counts = kind.counts and step.key not in run.tries
        if counts and (error := limits.passed_by_action(run.counts, run.limits, node.id)):
            self._wave.stop_at_limit(step, error)
            return
        outcome = self._outcome(step, woken=woken)
        if isinstance(outcome, Wait):
            until_ms = self._until(step, outcome)
            if until_ms > self._moment.now_ms:
                self._wait(step, outcome.reason, until_ms, {})
                return
            outcome = self._outcome(step, woken=True)
        if isinstance(outcome, Done) and (error := self._passed_by(step, outcome)):
            self._wave.stop_at_limit(step, error)
            return
        if isinstance(outcome, Done) and kind.message and self._hold_back(step, outcome, held_since_ms):
            return
        if counts:
            run.counts.actions += 1
        if isinstance(outcome, Done):
            self._do(step, outcome)
        else:
            self._wave.fail(step, outcome)

    def _passed_by(self, step: OpenStep, done: Done) -> StepError | None:
        """Return the error of the limit that what an action asks for would pass; what a try before used is paid."""
        run = self._run
        if step.key in run.paid:
            return None
        passed = limits.passed_by_orders(run.counts, run.limits, done.orders, step.node.id)
        return passed or (limits.passed_by_sub_flow(run.counts, step.node.id) if done.runs else None)

    def _outcome(self, step: OpenStep, *, woken: bool) -> Any:
        kind = _action(step)
        if woken and kind.wake is None:
            return Done()
        context = self._inputs.context(step.node, step.visit)
        config = read_config(step, context)
        if isinstance(config, Failed):
            outcome: Any = config
        else:
            outcome = kind.wake(config, context) if woken and kind.wake else kind.act(config, context)
        step.note(context.notes)
        return outcome

    def _hold_back(self, step: OpenStep, message: Done, since_ms: int | None) -> bool:
        """Hold a message, or leave it out, where the rules for messages say so; say whether that was done.

        One that is left out ends no branch: what follows it runs.
        """
        if not self._manners.rules:
            return False
        verdict = self._judge(step, Letter(
            self._run.id, self._run.flow_id, step.visit, since_ms, lead_ms(message), tuple(self._sending.sent_ms)
        ))  # fmt: skip
        if isinstance(verdict, Deferred):
            until_ms = min(verdict.until_ms, LAST_MS)
            if not self._wait(step, verdict.waits_for, until_ms, {"heldSince": verdict.since_ms}):
                self._sending.held_back.pop()
        return verdict is not None

    def _hold_attempt_back(self, step: OpenStep, awaited: AwaitedStep) -> bool:
        """Hold the next attempt at a message back where it would go out when none may; say whether that was done.

        A message that is scheduled for later goes out then, whenever it is tried. Caps have counted it.
        """
        if not self._manners.rules or not _action(step).message or self._moment.wall_ms < awaited.goes_out_ms:
            return False
        run = self._run
        letter = Letter(run.id, run.flow_id, step.visit, awaited.held_since_ms, 0, (), is_counted=True)
        verdict = self._judge(step, letter)
        if isinstance(verdict, Deferred):
            awaited.put_off(self._moment.now_ms, min(verdict.until_ms, LAST_MS), verdict.since_ms)
            self._trail.wait(step, awaited.reason, awaited.until_ms, awaited.knows)
        return verdict is not None

    def _judge(self, step: OpenStep, letter: Letter) -> Deferred | LeftOut | None:
        """Return what becomes of a message, and have it told; where it is left out, its branch goes on, or all ends."""
        verdict = self._manners.judge(letter, self._inputs.context(step.node, step.visit))
        if verdict is None:
            return None
        step.note({"held": verdict.note})
        held = HeldBack(verdict.reason, step.node.id, step.visit, self._moment.now_ms)
        if isinstance(verdict, Deferred):
            until_ms = min(verdict.until_ms, LAST_MS)
            held = replace(held, waits_for=verdict.waits_for, until_ms=until_ms)
        else:
            self._wave.leave_out(step, verdict.reason, ends=verdict.ends)
        self._sending.held_back.append(held)
        return verdict

    def _do(self, step: OpenStep, done: Done) -> None:
        """Send what an action asks for, and go on, or wait for the answers to it."""
        run, sending = self._run, self._sending
        commands = commands_of(run, step, done.orders)
        if isinstance(commands, Failed):
            self._wave.fail(step, commands)
            return
        awaited = self._awaited(step, done, commands)
        waits_for_child = done.runs is not None and done.runs.waits
        if awaited or waits_for_child:
            failed = self._budget.refuse_wait(step.key, step.record, awaited.knows if awaited else None)
        else:
            failed = self._budget.refuse_output(step.node.id, done.output, done.tags)
        if failed:
            self._wave.fail(step, failed)
            return
        if step.key not in run.paid:  # retries do not count
            writes, contacts = limits.uses(done.orders)
            run.counts.external_writes += writes
            run.counts.contact_actions += contacts
            run.counts.sub_flows += done.runs is not None
            run.paid.add(step.key)
        sending.commands.extend(commands)
        if done.runs:
            done = sending.start_sub_flow(run, step, done, done.runs, self._moment.now_ms)
        if _action(step).message:
            sending.sent_ms.append(self._moment.wall_ms + lead_ms(done))
        step.record["commandIds"] = [command.id for command in commands]
        if waits_for_child:
            self._trail.wait(step, CHILD, LAST_MS, {"execution": done.output["executionId"]})
        elif awaited:
            self._trail.wait(step, awaited.reason, awaited.until_ms, awaited.knows)
        else:
            self._succeed(step, done)

    def _awaited(self, step: OpenStep, done: Done, commands: list[Command]) -> AwaitedStep | None:
        """Return what a step waits for once its commands are sent; None where it awaits no answer."""
        awaits = step.node.awaits
        if awaits is None or not commands:
            return None
        until_ms = self._until(step, Wait(ANSWER, seconds=awaits.timeout_seconds))
        return AwaitedStep.begin(done, commands, awaits, until_ms, self._moment.wall_ms + lead_ms(done))

    def _succeed(self, step: OpenStep, done: Done) -> None:
        self._run.has_acted = self._run.has_acted or _action(step).counts
        self._run.paid.discard(step.key)
        self._run.tags |= done.tags
        ids = step.record["commandIds"]
        self._wave.finish(step, OUT, {**done.output, "commandIds": ids} if ids else dict(done.output))

    def _try_again(self, step: OpenStep, awaited: AwaitedStep) -> None:
        """Go on with a step for whose commands no answer has come in time, or whose next attempt is due."""
        if failed := awaited.timed_out(self._moment.now_ms):
            self._wave.fail(step, failed)
            return
        if self._hold_attempt_back(step, awaited):
            return
        self._sending.commands.extend(awaited.again(self._moment.now_ms, step.node.id, self._run.subject))
        step.record["try"] = self._run.tries[step.key] = awaited.attempt
        self._trail.wait(step, awaited.reason, awaited.until_ms, awaited.knows)


def _action(step: OpenStep) -> ActionType[Any]:
    return cast(ActionType[Any], step.node.type)  # a plan leads to no trigger
