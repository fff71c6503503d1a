"""One execution, moved input by input. The page calls them: event, timer, answer, resume; and what people ask of it."""

from __future__ import annotations

from typing import Any

from tests.reference import answers, nodes
from tests.reference.acting import MESSAGES, Acting
from tests.reference.listening import hears
from tests.reference.reading import rendered
from tests.reference.state import Flow, Key

PEOPLE = {"email_open", "email_click", "email_reply"}
MONTH = 30 * 86_400_000


class Execution(Acting):
    """What each input does."""

    def start(self) -> None:
        self.used["steps"] += 1
        key = (self.trigger, 1)
        self.open(key)
        self.close(key, "out", self.event["payload"])
        self.go_on()

    # ---- inputs before which exit rules are asked

    def time(self, key: Key) -> None:
        """A wait is over. What would act then, a pause holds: a message, a retry."""
        if not self.begin():
            return
        wait = self.waits[key]
        acts = wait["for"] not in {"event", "answer"} and (
            wait["for"] != "delay" or self.nodes[key[0]]["subtype"] in MESSAGES
        )
        if acts and self.is_held():
            wait["is_over"] = True
        else:
            self.wake(key)
        self.go_on()

    def hear(self, event: dict[str, Any], *, reaches_goal: bool) -> None:
        """An event that nothing here asks for is no input."""
        flow = self.shard.flow_for(self)
        heard = [key for key, wait in self.waits.items()
                 if wait["for"] == "event" and hears(wait["type"], wait["match"], event)]  # fmt: skip
        if not heard and not reaches_goal and self.exit_met(flow, event) is None:
            return
        if not self.begin(event):
            return
        if reaches_goal:
            self.stop("goal")
            return
        for key in self.in_rank(heard):
            del self.waits[key]
            self.close(key, "event", {"event": event["payload"]}, {"event": event["payload"]})
        self.go_on()

    def answer(self, answer: answers.Answer) -> bool:
        """Say whether it counts: a late one changes nothing."""
        taken = [key for key, wait in self.waits.items()
                 if "awaited" in wait and not answers.is_late(wait["awaited"], answer)]  # fmt: skip
        if not taken:
            return False
        if self.begin():
            self.take(taken[0], answer)
            self.go_on()
        return True

    def child_ended(self, child: str, output: dict[str, Any] | None) -> None:
        """The end of a flow it waits for, with what that gives; None where the step has failed with it."""
        waiting = [key for key, wait in self.waits.items() if wait.get("child") == child]
        if not waiting or not self.begin():
            return
        del self.waits[waiting[0]]
        if output is None:
            self.fail(waiting[0], nodes.StepFailedError())
        else:
            self.succeed(waiting[0], output)
        self.go_on()

    def resume(self, *, of_flow: bool) -> None:
        if self.begin():
            self.paused = self.paused and of_flow
            self.go_on()

    def begin(self, event: dict[str, Any] | None = None, *, asks: bool = True) -> bool:
        """Move to a newer version, ask the exit rules; say whether it goes on."""
        if ended := self.shard.end_of(self):  # it is touched in the moment in which its flow ends it
            self.stop(ended)
            return False
        flow = self.shard.flow_for(self)
        if flow is not self.flow and not self.move(flow):
            self.stop("node_removed")
            return False
        rule = self.exit_met(self.flow, event) if asks else None
        if rule is not None:
            self.stop("exited", rule)
        return rule is None

    def exit_met(self, flow: Flow, event: dict[str, Any] | None) -> int | None:
        """The place of the first exit rule that is met; one that cannot be answered is not."""
        look = self.looker((self.trigger, 1))
        for place, rule in enumerate(flow.get("settings", {}).get("exitWhen", ())):
            if "event" in rule:
                wanted = rendered(rule["event"].get("match", {}), look)
                if event and hears(rule["event"]["type"], wanted, event):
                    return place
            else:
                condition = rule["condition"]
                try:
                    config = rendered(condition["config"], look)
                    if nodes.decide(condition["subtype"], config, look, self.world()) == "true":
                        return place
                except nodes.StepFailedError:
                    continue
        return None

    # ---- what people and flows ask of it

    def cancel(self) -> None:
        if self.begin(asks=False):
            self.stop("cancelled")

    def pause(self) -> None:
        """Hold before the next node from now on."""
        if self.begin(asks=False):
            self.paused = True
            self.go_on()

    def can_be_retried(self) -> bool:
        """One that completed with failed steps, for 30 days."""
        return self.end == "completed" and self.has_failed and self.shard.now < self.finished + MONTH

    def retry(self) -> None:
        """Go on from the failed nodes, same visit, next attempt; what was skipped only for that is open again."""
        if not self.begin(asks=False):
            return
        self.end, self.status, self.failed, self.has_failed, self.paused = None, "running", None, False, False
        for key in [key for key, step in self.steps.items() if step["reason"] == "unreached"]:
            del self.steps[key]
        for key in self.failures():
            del self.steps[key]
            self.outputs.pop(key[0], None)
            self.tries[key] = self.tries.get(key, 1) + 1
        self.go_on()

    def failures(self) -> list[Key]:
        """Steps that failed without an error edge."""
        return [key for key, step in self.steps.items() if step["status"] == "failed"
                and not any(edge[0] == key[0] and edge[2] == "error" for edge in self.edges)]  # fmt: skip

    def stop(self, reason: str, rule: int | None = None) -> None:
        """End at once."""
        self.finish(reason, rule)
        self.tell()

    # ---- versions

    def move(self, flow: Flow) -> bool:
        """Go on by another version; say whether everything the execution stands at is still there.

        A wait keeps its due time and its config as it was; nodes are the same where their ids are, edges where they
        join the same nodes.
        """
        stands = {key[0] for key in (*self.waits, *self.pending(), *(self.failures() if self.end else ()))}
        was, subtypes = self.edges, {node: self.nodes[node]["subtype"] for node in stands}
        self.on_version(flow)
        self.shard.set_goal(self)
        if any(node not in self.nodes or self.nodes[node]["subtype"] != subtypes[node] for node in stands):
            return False
        now = [edge[:2] for edge in self.edges]
        for key, places in self.arrived.items():
            ends = [was[place][:2] if place is not None else None for place in places]
            self.arrived[key] = [now.index(pair) if pair in now else None for pair in ends]
        for key, wait in self.waits.items():
            wait.setdefault("frozen", self.configs[key])
        return True

    # ---- waves

    def is_held(self) -> bool:
        return self.paused or self.shard.is_paused(self.flow["flowId"])

    def over(self) -> list[Key]:
        """Waits that are over, and held by a pause."""
        return [key for key, wait in self.waits.items() if wait.get("is_over")]

    def holds_something(self) -> bool:
        """Whether a pause holds something of it."""
        return bool(self.over() or [key for key in self.pending() if self.may_run(key)])

    def go_on(self) -> None:
        """Run what is ready in rank until nothing is, unless a pause holds it."""
        while self.end is None and not self.is_held():
            over = self.over()
            ready = self.in_rank([*over, *(key for key in self.pending() if self.may_run(key))])
            if not ready:
                break
            if ready[0] in over:
                self.wake(ready[0])
            else:
                self.run(ready[0])
        if self.end is None and not self.waits and not self.pending():
            self.finish("completed")
        if self.end is None:
            self.status = "paused" if self.paused or self.holds_something() else "running"
        self.tell()
