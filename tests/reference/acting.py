"""One node: conditions are asked, actions act, waits begin and end, commands are tried again."""

from __future__ import annotations

from typing import Any

from tests.reference import answers, manners, nodes
from tests.reference.reading import rendered
from tests.reference.state import Key
from tests.reference.values import made_id, written
from tests.reference.waves import Branches

MESSAGES = {"send_email_campaign", "schedule_followup"}
LATE = 60_000
"""A wait whose node is decided so late counts from the wall clock."""


class Acting(Branches):
    """What the nodes of an execution do."""

    def run(self, key: Key) -> None:
        """Run a node that a branch has arrived at."""
        if key not in self.tries:  # retries do not count
            if self.used["steps"] >= self.limits["maxSteps"]:
                self.limit(key, "maxSteps")
                return
            self.used["steps"] += 1
        self.open(key)
        if self.nodes[key[0]]["type"] == "action":
            self.act(key)
        elif self.nodes[key[0]]["subtype"] == "wait_for_event":
            self.listen(key)
        else:
            self.ask(key)

    def config(self, key: Key, frozen: Any = None) -> dict[str, Any]:
        if frozen is None:
            frozen = rendered(self.nodes[key[0]]["config"], self.looker(key))
        self.configs[key] = frozen
        return self.configs[key]

    # ---- conditions

    def ask(self, key: Key) -> None:
        node = self.nodes[key[0]]
        world = {**self.world(), "node": key[0]}
        try:
            answer = nodes.decide(node["subtype"], self.config(key), self.looker(key), world)
        except nodes.StepFailedError as failed:
            self.fail(key, failed)
        else:
            self.close(key, answer, {"result": answer})

    def listen(self, key: Key) -> None:
        """Wait for an event; what is waited for is as it was when the wait began."""
        config = self.config(key)
        until = self.until({"seconds": config["timeoutSeconds"]}, key[1])
        if until > self.shard.now:
            self.wait(key, until, "event", type=config["type"], match=config.get("match", {}))
        else:
            self.close(key, "timeout", {}, {})

    # ---- time

    def wait(self, key: Key, until: int | None, reason: str, **more: Any) -> None:
        """Begin to wait; among those that are over at once it keeps its place, also on another version."""
        self.waits[key] = {"until": until, "for": reason, "rank": self.rank[key[0]], **more}
        self.moved.append(key)

    def until(self, pause: dict[str, Any], visit: int) -> int:
        now: int = self.shard.now
        until: int = pause["until"] if "until" in pause else self.after(pause["seconds"])
        return max(until, now + 1_000) if visit > 1 else until

    def after(self, seconds: float) -> int:
        now: int = self.shard.now
        late: int = self.shard.late
        scale: float = self.shard.scale
        return (now + late if late > LATE else now) + round(seconds * 1000 / scale)

    def wake(self, key: Key) -> None:
        """The time of a wait is over."""
        wait = self.waits.pop(key)
        if wait["for"] == "event":
            self.close(key, "timeout", {}, {})
        elif wait["for"] in {"answer", "retry"}:
            self.try_again(key, wait["awaited"], wait["command"])
        else:
            self.act(key, woken=True, since=wait.get("since"), frozen=wait.get("frozen"))

    # ---- actions

    def act(self, key: Key, *, woken: bool = False, since: int | None = None, frozen: Any = None) -> None:
        node, look = self.nodes[key[0]], self.looker(key)
        counts = node["subtype"] != "delay" and key not in self.tries
        if counts and self.used["actions"] >= self.limits["maxActionsPerExecution"]:
            self.limit(key, "maxActionsPerExecution")
            return
        config = self.config(key, frozen)
        try:
            pause = None if woken else nodes.pause(node["subtype"], config, look)
            command = nodes.command(node["subtype"], config, look, self.world())
        except nodes.StepFailedError as failed:
            self.used["actions"] += counts
            self.fail(key, failed)
            return
        if pause and (until := self.until(pause, key[1])) > self.shard.now:
            self.wait(key, until, "delay")
        elif passed := self.passed(key, command):
            self.limit(key, passed)
        elif (
            node["subtype"] == "run_flow" and key not in self.tries and self.used["flows"] >= self.limits["maxSubFlows"]
        ):
            self.limit(key, "maxSubFlows")
        elif not (node["subtype"] in MESSAGES and command and self.hold_back(key, command, since)):
            self.used["actions"] += counts
            self.do(key, command, config)

    def sub_flow(self, key: Key, config: dict[str, Any]) -> None:
        """Start another flow, with the subject and event of this one, one deeper; they share what they use."""
        flow_id = config["flowId"]
        self.used["flows"] += key not in self.tries
        event_id, depth = made_id("f", self.id, *key), self.event["depth"] + 1
        metadata = {**self.event["metadata"], "depth": depth}
        child = {**self.event, "id": event_id, "type": "manual_trigger", "source": "mal", "metadata": metadata,
                 "at": self.shard.now, "depth": depth, "used": self.used}  # fmt: skip
        execution = made_id("x", flow_id, "mal", *self.subject, event_id)
        if not config.get("wait"):
            self.shard.children.append((flow_id, child))
            self.succeed(key, {"flowId": flow_id, "executionId": execution})
            return
        self.starting.append((flow_id, config.get("version"), child, execution))
        self.wait(key, None, "child", child=execution)

    def passed(self, key: Key, command: dict[str, Any] | None) -> str | None:
        """The limit that a command would pass."""
        writes, contacts = self.uses(key, command)
        if writes and self.used["writes"] + writes > self.limits["maxExternalWrites"]:
            return "maxExternalWrites"
        if contacts and self.used["contacts"] + contacts > self.limits["maxContactActions"]:
            return "maxContactActions"
        return None

    def do(self, key: Key, command: dict[str, Any] | None, config: dict[str, Any]) -> None:
        subtype, options = self.nodes[key[0]]["subtype"], self.nodes[key[0]]["options"]
        output = {"level": "info", **config} if subtype == "log_event" else {}
        if subtype == "run_flow":
            self.sub_flow(key, config)
            return
        if command is None:
            self.succeed(key, output, output.get("data"))
            return
        writes, contacts = self.uses(key, command)
        self.used["writes"] += writes
        self.used["contacts"] += contacts
        sent = {"id": made_id("c", self.id, *key, 0), "key": key, **command}
        self.steps[key]["commands"] = [sent["id"]]
        attempt = self.tries.get(key, 1)
        self.send(sent, attempt)
        if subtype in MESSAGES:
            self.shard.note_sent(self.subject, self.flow["flowId"], self.shard.wall + command.get("lead", 0))
        if not options.get("awaitResult"):
            self.succeed(key, {"commandIds": [sent["id"]]})
            return
        deadline = self.until({"seconds": options.get("timeoutSeconds", 86_400)}, key[1])
        one = answers.awaited(sent["id"], attempt, deadline, options.get("retry", {}), {})
        one["goes_out"] = self.shard.wall + command.get("lead", 0)
        self.await_answer(key, one, sent)

    def uses(self, key: Key, command: dict[str, Any] | None) -> tuple[int, int]:
        """External writes and contact actions of a command; those of one that has gone out before are counted."""
        if command is None or made_id("c", self.id, *key, 0) in self.shard.awaited:
            return 0, 0
        return int(command["type"] != "notify_user"), command["contacts"]

    def send(self, command: dict[str, Any], attempt: int) -> None:
        self.shard.send_command(
            [command["id"], *command["key"], command["type"], command["payload"], self.subject[1], attempt], self
        )  # fmt: skip

    def succeed(self, key: Key, output: dict[str, Any], told: Any = None) -> None:
        subtype = self.nodes[key[0]]["subtype"]
        self.acted = self.acted or subtype != "delay"
        if subtype == "tag_contact" and key in self.configs and self.subject[0] == "contact":
            self.tags.add(self.configs[key]["tag"])
        self.close(key, "out", output, told)

    # ---- answers

    def await_answer(self, key: Key, one: answers.Awaited, command: dict[str, Any]) -> None:
        self.shard.awaited[command["id"]]["is_awaited"] = True
        pause = one["pause"]
        is_pause = pause is not None and pause < one["deadline"]
        until = pause if is_pause else one["deadline"]
        self.wait(key, until, "retry" if is_pause else "answer", awaited=one, command=command)

    def take(self, key: Key, answer: answers.Answer) -> None:
        """An answer that counts."""
        wait = self.waits.pop(key)
        one = wait["awaited"]
        if answer["succeeded"]:
            output = answers.answered(one, answer)
            self.succeed(key, {**output, "commandIds": [one["command"]]}, output or None)
        elif answers.is_tried_again(one, answer):
            one["pause"] = max(self.after(answers.pause_seconds(one)), self.shard.now + 1)
            self.await_answer(key, one, wait["command"])
        else:
            self.fail(key, nodes.StepFailedError())

    def try_again(self, key: Key, one: answers.Awaited, command: dict[str, Any]) -> None:
        """The next attempt is due, or no answer has come in time."""
        if self.shard.now >= one["deadline"]:
            self.fail(key, nodes.StepFailedError())
            return
        if self.hold_attempt_back(key, one, command):
            return
        one["attempt"] += 1
        one["pause"] = None
        self.tries[key] = self.steps[key]["try"] = one["attempt"]
        self.send(command, one["attempt"])
        self.await_answer(key, one, command)

    # ---- messages

    def hold_attempt_back(self, key: Key, one: answers.Awaited, command: dict[str, Any]) -> bool:
        """Hold back the next attempt at a message that would go out now; one that is scheduled later is not."""
        if self.nodes[key[0]]["subtype"] not in MESSAGES or self.shard.wall < one["goes_out"]:
            return False
        since = one.pop("since", None)
        verdict = self.judged(key, {"since": since, "lead": 0, "is_counted": True})
        if verdict is not None and (until := verdict.get("until")) is not None:
            one["pause"], one["since"] = until, self.shard.wall if since is None else since
            self.await_answer(key, one, command)
        return verdict is not None

    def hold_back(self, key: Key, command: dict[str, Any], since: int | None) -> bool:
        """Hold a message, or leave it out, where the rules say so; what follows one that is left out runs."""
        verdict = self.judged(key, {"since": since, "lead": command.get("lead", 0)})
        if verdict is not None and (until := verdict.get("until")) is not None:
            self.wait(key, until, verdict["for"], since=self.shard.wall if since is None else since)
        return verdict is not None

    def judged(self, key: Key, letter: dict[str, Any]) -> dict[str, Any] | None:
        """What becomes of a message, told; one that is left out goes on, or ends all."""
        rules = [one for one in (self.setting("messages"), self.shard.house.get("messages")) if one]
        if not rules:
            return None
        letter |= {"flow": self.flow["flowId"], "spread": (self.id, *key)}
        verdict = manners.judge(rules, letter, self.shard.clocks_of(self), self.shard.sent_to(self.subject))
        if verdict is None:
            return None
        what, until = verdict["for"], verdict.get("until")
        self.held_back.append({
            "decision": "suppressed" if until is None else "held", "reason": verdict["reason"],
            "event": self.event["id"], "flow": self.flow["flowId"], "subject": self.subject, "execution": self.id,
            "more": [*key] if until is None else [*key, what, written(until)],
        })  # fmt: skip
        if until is not None:
            return verdict
        self.write(key, status="skipped", port="out", reason=verdict["reason"])
        self.outputs[key[0]] = {"sent": False, "reason": verdict["reason"]}
        if verdict["ends"]:
            self.finish("exited")
        else:
            self.follow(key, "out")
        return verdict
