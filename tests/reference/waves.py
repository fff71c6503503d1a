"""Waves: where branches are, what may run next, and the end (section 2 of the page)."""

from __future__ import annotations

from typing import Any

from tests.reference import graph
from tests.reference.nodes import StepFailedError
from tests.reference.state import Key, State


class Branches(State):
    """The branches of an execution: what is ready is found anew before each node."""

    # ---- what is ready

    def pending(self) -> list[Key]:
        """Where a branch has arrived and nothing has run."""
        return [key for key in self.arrived if key not in self.steps]

    def may_run(self, key: Key) -> bool:
        """A node that joins `all` runs once no live branch can still reach it."""
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

    def in_rank(self, keys: list[Key]) -> list[Key]:
        return sorted(keys, key=lambda key: (self.rank[key[0]], key[1]))

    # ---- where branches go

    def close(self, key: Key, port: str, output: Any, told: Any = None) -> None:
        """A step worked; all edges out of its outcome are followed."""
        self.write(key, status="succeeded", port=port, output=told)
        self.outputs[key[0]] = output
        self.follow(key, port)

    def fail(self, key: Key, failed: StepFailedError) -> None:
        """A failed step ends its branch, but for edges labelled `error`."""
        self.write_failure(key, failed)
        self.follow(key, "error")

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

    # ---- the end

    def limit(self, key: Key, name: str) -> None:
        """What would pass a limit does not run; the execution ends at once."""
        self.failed = {"nodeId": key[0], "field": name, "value": self.limits[name]}
        self.skip(key, "limit")
        self.finish("limit")

    def finish(self, reason: str, rule: int | None = None) -> None:
        """Every reachable node has a step then: ran, failed, or skipped because nothing alive could reach it."""
        for key in (*self.waits, *self.pending()):
            self.skip(key, reason, rule)
        self.leaving += [wait["child"] for wait in self.waits.values() if "child" in wait]
        self.waits = {}
        for node in graph.reachable(self.trigger, self.edges):
            if not any(key[0] == node for key in self.steps):
                self.skip((node, 1), "unreached")
        self.end, self.finished = reason, self.shard.now
        if reason == "limit":
            self.status = "partial"
        elif reason == "cancelled":
            self.status = "cancelled"
        elif self.has_failed:
            self.status = "partial" if self.acted else "failed"
        else:
            self.status = "succeeded"
