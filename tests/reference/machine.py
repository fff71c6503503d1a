"""One execution, moved input by input: what is ready is found anew before each node."""

from __future__ import annotations

from typing import Any

from tests.reference import graph, nodes
from tests.reference.values import MISSING, made_id, written

Key = tuple[str, int]
PEOPLE = {"email_open", "email_click", "email_reply"}


class Execution:
    """The state of one execution, as a bag of dicts."""

    def __init__(self, flow: dict[str, Any], event: dict[str, Any], origin: str, shard: Any) -> None:
        self.flow = flow
        self.event = event
        self.origin = origin
        self.shard = shard
        self.nodes = {node["id"]: node for node in flow["nodes"]}
        self.edges: graph.Edges = [
            (edge["sourceNodeId"], edge["targetNodeId"], edge["conditionLabel"]) for edge in flow["edges"]
        ]
        self.trigger = next(node["id"] for node in flow["nodes"] if node["type"] == "trigger")
        self.rank = graph.ranks(self.trigger, self.edges)
        self.back = graph.back_edges(self.trigger, self.edges)
        self.id = made_id("x", flow["flowId"], event["source"], *event["subject"], event["id"])
        self.limits = dict(shard.limits)
        self.seq = 0
        self.used = {"actions": 0, "writes": 0, "contacts": 0, "steps": 0}
        self.arrived: dict[Key, list[int]] = {}
        self.steps: dict[Key, dict[str, Any]] = {}
        self.waits: dict[Key, int] = {}
        self.outputs: dict[str, Any] = {}
        self.tags: set[str] = set()
        self.failed: Any = None
        self.acted = False
        self.end: str | None = None
        self.status = "running"
        self.moved: list[Key] = []
        self.ran_already: list[Any] = []

    # ---- inputs

    def start(self) -> None:
        self.used["steps"] += 1
        self.open((self.trigger, 1))
        self.close((self.trigger, 1), "out", self.event["payload"])
        self.go_on()

    def wake(self, key: Key) -> None:
        del self.waits[key]
        self.act(key, woken=True)
        self.go_on()

    def go_on(self) -> None:
        while self.end is None:
            ready = [key for key in self.pending() if self.may_run(key)]
            if not ready:
                break
            self.run(min(ready, key=lambda key: (self.rank[key[0]], key[1])))
        if self.end is None and not self.waits and not self.pending():
            self.finish("completed")
        self.tell()

    # ---- what is ready

    def pending(self) -> list[Key]:
        """Where a branch has arrived and nothing has run."""
        return [key for key in self.arrived if key not in self.steps]

    def may_run(self, key: Key) -> bool:
        if self.nodes[key[0]]["options"].get("join") != "all":
            return True
        live = [other for other in (*self.pending(), *self.waits) if other[0] != key[0]]
        return not any(self.can_reach(other, key[0]) for other in live)

    def can_reach(self, start: Key, node: str) -> bool:
        """Whether a branch can still get from here to a node: it ends where its visit of a node is taken already."""
        latest = max(visit for _, visit in self.arrived) + 1
        seen, frontier = {start}, [start]
        while frontier:
            at, visit = frontier.pop()
            for place, (source, target, _label) in enumerate(self.edges):
                if source != at:
                    continue
                if target == node:
                    return True
                key = (target, min(visit + (place in self.back), latest))
                if key not in seen and key not in self.arrived:
                    seen.add(key)
                    frontier.append(key)
        return False

    def follow(self, key: Key, port: str) -> None:
        leaving = [(place, edge) for place, edge in enumerate(self.edges) if edge[0] == key[0]]
        chosen = [way for way in leaving if way[1][2] == port]
        if not chosen and port != "error":
            chosen = [way for way in leaving if way[1][2] is None]
        for place, (_, target, _) in chosen:
            there = (target, key[1] + (place in self.back))
            self.arrived.setdefault(there, []).append(place)
            if there in self.steps:
                self.ran_already.append([*key, target])

    # ---- nodes

    def run(self, key: Key) -> None:
        if self.used["steps"] >= self.limits["maxSteps"]:
            self.limit(key, "maxSteps")
            return
        self.used["steps"] += 1
        self.open(key)
        if self.nodes[key[0]]["type"] == "action":
            self.act(key, woken=False)
            return
        node = self.nodes[key[0]]
        try:
            answer = nodes.decide(node["subtype"], nodes.rendered(node["config"], self.looker(key)), self.looker(key),
                                  self.world())  # fmt: skip
        except nodes.StepFailedError as failed:
            self.fail(key, failed)
        else:
            self.close(key, answer, {"result": answer})

    def act(self, key: Key, *, woken: bool) -> None:
        node, look = self.nodes[key[0]], self.looker(key)
        counts = node["subtype"] != "delay"
        if counts and self.used["actions"] >= self.limits["maxActionsPerExecution"]:
            self.limit(key, "maxActionsPerExecution")
            return
        config = nodes.rendered(node["config"], look)
        try:
            pause = None if woken else nodes.pause(node["subtype"], config, look)
            command = None
            if counts:
                command = nodes.command(node["subtype"], config, look, self.world())
            if pause and (until := self.until(pause, key[1])) > self.shard.now:
                self.waits[key] = until
                return
        except nodes.StepFailedError as failed:
            self.used["actions"] += counts
            self.fail(key, failed)
            return
        writes = int(command is not None and command["type"] != "notify_user")
        contacts = command["contacts"] if command else 0
        if writes and self.used["writes"] + writes > self.limits["maxExternalWrites"]:
            self.limit(key, "maxExternalWrites")
            return
        if contacts and self.used["contacts"] + contacts > self.limits["maxContactActions"]:
            self.limit(key, "maxContactActions")
            return
        self.used["actions"] += counts
        self.used["writes"] += writes
        self.used["contacts"] += contacts
        self.acted = self.acted or counts
        output = {key: config[key] for key in ("message", "data") if node["subtype"] == "log_event" and key in config}
        if command:
            command_id = made_id("c", self.id, *key, 0)
            self.steps[key]["commands"] = [command_id]
            output["commandIds"] = [command_id]
            self.shard.commands.append(
                [command_id, *key, command["type"], command["payload"], self.event["subject"][1]]
            )
            if node["subtype"] == "tag_contact" and self.event["subject"] == (
                "contact",
                command["payload"]["contactId"],
            ):
                self.tags.add(config["tag"])
        self.close(key, "out", output)

    def until(self, pause: dict[str, Any], visit: int) -> int:
        now: int = self.shard.now
        wall = now + self.shard.late
        until: int
        if "until" in pause:
            until = pause["until"]
        else:
            until = (wall if wall - now > 60_000 else now) + round(pause["seconds"] * 1000 / self.shard.scale)
        return max(until, now + 1_000) if visit > 1 else until

    # ---- what a node reads

    def world(self) -> dict[str, Any]:
        return {"now": self.shard.now, "scale": self.shard.scale, "history": self.shard.history, "tags": self.tags,
                "subject": self.event["subject"], "user": self.flow["userId"]}  # fmt: skip

    def looker(self, key: Key) -> Any:
        event, history = self.event, self.shard.history
        contact = event["subject"][1] if event["subject"][0] == "contact" else None
        engagement = history.engagement(contact, event["payload"].get("campaignId"))
        told = {word: engagement[word] for word in ("opened", "clicked", "replied")}
        previous = min(self.arrived[key])
        roots = {
            "event": {**told, **event["payload"]},
            "metadata": event["metadata"],
            "trigger": {"type": event["type"], "source": event["source"], "timestamp": written(event["at"])},
            "engagement": engagement,
            "contact": history.contact(contact) if contact else {},
            "previousNode": {"output": self.outputs[self.edges[previous][0]]},
            "steps": {node: {"output": output} for node, output in self.outputs.items()},
            "now": written(self.shard.now),
        }

        def look(path: str) -> Any:
            value: Any = roots
            for part in path.split("."):
                if isinstance(value, list) and part.isdigit() and int(part) < len(value):
                    value = value[int(part)]
                elif isinstance(value, dict) and part in value:
                    value = value[part]
                else:
                    return MISSING
            return value

        return look

    # ---- steps

    def open(self, key: Key) -> None:
        self.steps[key] = {"status": "running", "port": None, "started": written(self.shard.now), "finished": None,
                           "commands": [], "reason": None}  # fmt: skip
        self.moved.append(key)

    def close(self, key: Key, port: str, output: Any) -> None:
        self.steps[key] |= {"status": "succeeded", "port": port, "finished": written(self.shard.now)}
        self.outputs[key[0]] = output
        self.moved.append(key)
        self.follow(key, port)

    def fail(self, key: Key, failed: nodes.StepFailedError) -> None:
        self.steps[key] |= {"status": "failed", "port": "error", "finished": written(self.shard.now)}
        field = failed.args[0] if failed.args else None
        self.outputs[key[0]] = {"error": {"nodeId": key[0], "field": field}}
        self.moved.append(key)
        if self.failed is None and not any(edge[0] == key[0] and edge[2] == "error" for edge in self.edges):
            self.failed = {"nodeId": key[0], "field": field}
        self.follow(key, "error")

    def skip(self, key: Key, reason: str) -> None:
        if key not in self.steps:
            self.open(key)
            self.steps[key]["started"] = None
        self.steps[key] |= {"status": "skipped", "reason": reason, "finished": written(self.shard.now)}
        self.moved.append(key)

    def limit(self, key: Key, name: str) -> None:
        self.failed = {"nodeId": key[0], "field": name, "value": self.limits[name]}
        self.skip(key, "limit")
        self.finish("limit")

    def finish(self, reason: str) -> None:
        for key in (*self.waits, *self.pending()):
            self.skip(key, reason)
        self.waits = {}
        for node in self.rank:
            if not any(key[0] == node for key in self.steps):
                self.skip((node, 1), "unreached")
        self.end = reason
        broken = self.failed is not None and reason != "limit"
        self.status = "succeeded"
        if reason == "limit" or (broken and self.acted):
            self.status = "partial"
        elif broken:
            self.status = "failed"

    def tell(self) -> None:
        self.seq += 1
        self.shard.told.append({
            "execution": self.id, "seq": self.seq, "version": self.flow["version"], "status": self.status,
            "end": self.end, "error": self.failed,
            "steps": sorted([[*key, *self.steps[key].values()] for key in set(self.moved)], key=repr),
            "waiting": sorted([*key, written(until)] for key, until in self.waits.items()),
            "path": self.end and sorted([*key, step["status"], step["port"]] for key, step in self.steps.items()),
            "alreadyRan": sorted(self.ran_already),
        })  # fmt: skip
        self.moved, self.ran_already = [], []
