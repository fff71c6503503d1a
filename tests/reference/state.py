"""The state of one execution, as a bag of dicts, and how its steps are written down."""

from __future__ import annotations

from typing import Any

from tests.reference import graph
from tests.reference.nodes import StepFailedError
from tests.reference.reading import Look, looker
from tests.reference.values import made_id, written

Key = tuple[str, int]
"""A node and a visit: what runs once."""
Flow = dict[str, Any]


class State:
    """One execution of a flow, for the event that matched."""

    def __init__(self, flow: Flow, event: dict[str, Any], origin: str, shard: Any, parent: Any = None) -> None:
        self.event = event
        self.origin = origin
        self.shard = shard
        self.parent = parent
        """The execution that waits for the end of this one."""
        self.id = made_id("x", flow["flowId"], event["source"], *event["subject"], event["id"])
        self.limits = dict(shard.limits)
        self.started = shard.now
        self.seq = 0
        self.used = event.get("used") or {"actions": 0, "writes": 0, "contacts": 0, "steps": 0, "flows": 0}
        self.arrived: dict[Key, list[int | None]] = {}
        """The edges by which branches came; None for one that the version does not have."""
        self.steps: dict[Key, dict[str, Any]] = {}
        self.waits: dict[Key, dict[str, Any]] = {}
        """Since the step of a node began to wait: until when and for what, and what else is known of it."""
        self.tries: dict[Key, int] = {}
        self.has_reached_goal = False
        self.configs: dict[Key, dict[str, Any]] = {}
        """The config of each node as it was rendered last."""
        self.outputs: dict[str, Any] = {}
        self.tags: set[str] = set()
        self.failed: Any = None
        self.has_failed = False
        self.acted = False
        self.paused = False
        self.end: str | None = None
        self.finished = 0
        self.status = "running"
        self.moved: list[Key] = []
        self.ran_already: list[Any] = []
        self.starting: list[tuple[Any, ...]] = []
        self.leaving: list[str] = []
        """Children that are to be started, and that end with it."""
        self.held_back: list[dict[str, Any]] = []
        self.known: dict[str, dict[str, Any]] = {}
        self.on_version(flow)

    def on_version(self, flow: Flow) -> None:
        """Go by a version of the flow."""
        self.flow = flow
        self.nodes = {node["id"]: node for node in flow["nodes"]}
        self.known |= self.nodes
        self.edges: graph.Edges = [
            (edge["sourceNodeId"], edge["targetNodeId"], edge["conditionLabel"]) for edge in flow["edges"]
        ]
        self.trigger = next(node["id"] for node in flow["nodes"] if node["type"] == "trigger")
        self.rank = graph.ranks(self.trigger, self.edges, list(self.nodes))
        self.back = graph.back_edges(self.trigger, self.edges, list(self.nodes))

    @property
    def subject(self) -> tuple[str, str]:
        subject: tuple[str, str] = self.event["subject"]
        return subject

    def setting(self, name: str) -> Any:
        """A setting of the version it is on."""
        return self.flow.get("settings", {}).get(name)

    # ---- what its nodes read

    def looker(self, key: Key) -> Look:
        taken = [place for place in self.arrived.get(key, []) if place is not None]
        previous = self.outputs.get(self.edges[min(taken)][0], {}) if taken else {}
        return looker(
            self.event, self.shard.history, self.shard.now, self.flow["userId"], self.outputs, previous
        )  # fmt: skip

    def world(self) -> dict[str, Any]:
        return {"now": self.shard.now, "scale": self.shard.scale, "history": self.shard.history, "tags": self.tags,
                "subject": self.subject, "user": self.flow["userId"]}  # fmt: skip

    # ---- its steps

    def open(self, key: Key) -> None:
        self.steps[key] = {
            "status": "running", "port": None, "started": written(self.shard.now), "finished": None, "commands": [],
            "reason": None, "try": self.tries.get(key, 1), "exitRule": None, "output": None,
        }  # fmt: skip
        self.moved.append(key)

    def write(self, key: Key, **news: Any) -> None:
        self.steps[key] |= {**news, "finished": written(self.shard.now)}
        self.moved.append(key)

    def write_failure(self, key: Key, failed: StepFailedError) -> None:
        """Without an edge for it, it counts against the execution; the first such is what is told."""
        self.write(key, status="failed", port="error")
        error = {"nodeId": key[0], "field": failed.args[0] if failed.args else None}
        self.outputs[key[0]] = {"error": error}
        if not any(edge[0] == key[0] and edge[2] == "error" for edge in self.edges):
            self.has_failed = True
            self.failed = self.failed or error

    def skip(self, key: Key, reason: str, rule: int | None = None) -> None:
        if key not in self.steps:
            self.open(key)
            self.steps[key]["started"] = None
        self.write(key, status="skipped", reason=reason, exitRule=rule)

    # ---- the feed

    def tell(self) -> None:
        """One record per input that moved it, after its waves; what was held back of messages follows."""
        self.seq += 1
        waiting = [
            [*key, wait["until"] and written(wait["until"]), wait["for"]] for key, wait in self.waits.items()
        ]  # fmt: skip
        path = [[*key, step["status"], step["port"]] for key, step in self.steps.items()]
        self.shard.told.append({
            "execution": self.id, "seq": self.seq, "version": self.flow["version"], "origin": self.origin,
            "status": self.status, "end": self.end, "error": self.failed,
            "steps": sorted([[*key, *self.steps[key].values()] for key in set(self.moved)], key=repr),
            "waiting": sorted(waiting, key=repr), "path": self.end and sorted(path),
            "alreadyRan": sorted(self.ran_already),
        })  # fmt: skip
        self.shard.told += self.held_back
        self.moved, self.ran_already, self.held_back = [], [], []
        self.shard.errands += [("start", self, one) for one in self.starting if one[-1] not in self.leaving]
        self.shard.errands += [("leave", self, one) for one in self.leaving]
        self.shard.errands += [("tell", self, None)] if self.end else []
        self.starting, self.leaving = [], []
        self.shard.run_errands()
