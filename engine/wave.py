"""Waves: which nodes are ready, where branches go on, meet and end (product.md section 2, Waves).

One of the four files in which everything that changes a run is (`interpreter`, `acting`, `wave`, `trail`). It runs no
node: it is told how a step went, and makes ready what follows.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from engine.joins import can_still_reach
from engine.nodes.base import ERROR, OUT, Failed
from engine.plan import Plan, PlanEdge, PlanNode
from engine.run import CHILD, Key, Run
from engine.trail import OpenStep, Trail
from engine.types import EndReason, ExecutionId, ExecutionStatus, Json, StepError


class Wave:
    """The branches of one execution while one input moves it.

    Args:
        plan: the version it runs on.
        run: the execution.
        trail: where the steps are written.
        now_ms: when that is, in log time.
    """

    __slots__ = ("_now_ms", "_plan", "_ready", "_run", "_trail", "known", "left")

    def __init__(self, plan: Plan, run: Run, trail: Trail, now_ms: int) -> None:
        self._plan = plan
        self._run = run
        self._trail = trail
        self._now_ms = now_ms
        self._ready: list[tuple[int, int]] = []
        self.known = plan.by_id
        """Every node the execution can have met: also those of the version it comes from, where it moves."""
        self.left: list[ExecutionId] = []
        """Sub-flows that the execution waited for when it ended."""

    # ---- ready nodes

    def make_ready(self, key: Key) -> None:
        """Let a node run when its rank has come; one that joins `all`, when no live branch can still reach it."""
        node = self._plan.by_id[key[0]]
        if node.join_all and key not in self._run.waits:
            self._run.held.append(key)
        else:
            heapq.heappush(self._ready, (node.rank, key[1]))

    def next(self) -> tuple[PlanNode, int] | None:
        """Take the node that runs next, and its visit; None where nothing is ready, or the execution has ended."""
        run = self._run
        if run.end_reason is not None:
            return None
        if run.held:
            self._release()
        if not self._ready:
            return None
        rank, visit = heapq.heappop(self._ready)
        return self._plan.nodes[rank], visit

    def hold(self) -> None:
        """Keep what is ready for when a pause is over."""
        self._release()
        self._run.stopped += [(self._plan.nodes[rank].id, visit) for rank, visit in sorted(self._ready)]
        self._ready = []

    def let_go(self) -> None:
        """Make what a pause held ready."""
        for key in self._run.stopped:
            self.make_ready(key)
        self._run.stopped = []

    def join_anew(self) -> None:
        """Sort by the joins of this version what stands before a node: held for other branches, or only by a pause."""
        run = self._run
        stood = [*run.held, *(key for key in run.stopped if key not in run.waits)]
        run.held, run.stopped = [], [key for key in run.stopped if key in run.waits]
        for key in stood:
            self.make_ready(key)

    # ---- branches

    def finish(self, step: OpenStep, port: str, output: Mapping[str, Json]) -> None:
        """Go on from a step that worked."""
        self._trail.finish(step, port, output)
        for edge in step.node.edges(port):
            self._follow(edge, step.visit)

    def fail(self, step: OpenStep, failed: Failed) -> None:
        """Go on from a step that did not work, by its error edges; without any, the execution has failed."""
        run = self._run
        error = self._trail.fail(step, failed)
        edges = step.node.edges(ERROR)
        if not edges:
            run.has_failed = True
            run.error = run.error or error
        for edge in edges:
            self._follow(edge, step.visit)

    def leave_out(self, step: OpenStep, reason: str, *, ends: bool) -> None:
        """Go on from a message that is never sent as if it were, unless the execution ends with it."""
        self._trail.leave_out(step, reason)
        if ends:
            self.end(EndReason.EXITED)
        else:
            for edge in step.node.edges(OUT):
                self._follow(edge, step.visit)

    def _follow(self, edge: PlanEdge, visit: int) -> None:
        """Let a branch arrive by an edge."""
        run = self._run
        node = self._plan.nodes[edge.target]
        key = (node.id, visit + edge.back)
        arrivals = run.arrivals.setdefault(key, [])
        arrivals.append(edge.order)
        if key in run.path or key in run.waits:
            self._trail.note_arrival((self._plan.nodes[edge.source].id, visit), node)
        elif len(arrivals) == 1:
            self.make_ready(key)

    def _release(self) -> None:
        """Make those `join: all` nodes ready that no live branch can still reach."""
        run, by_id = self._run, self._plan.by_id
        held = [(by_id[node_id].rank, visit) for node_id, visit in run.held]
        stands = ((by_id[node_id].rank, visit) for node_id, visit in (*run.waits, *run.stopped))
        live = {*self._ready, *held, *stands}
        for key, place in zip(list(run.held), held, strict=True):
            others = (branch for branch in live if branch[0] != place[0])
            if not any(can_still_reach(self._plan, run.arrivals, branch, place[0]) for branch in others):
                run.held.remove(key)
                heapq.heappush(self._ready, place)

    # ---- the end

    def stop_at_limit(self, step: OpenStep, error: StepError) -> None:
        """End before a step that would pass a limit."""
        self._run.error = error
        self._trail.skip(step, EndReason.LIMIT)
        self.end(EndReason.LIMIT)

    def end_if_done(self) -> None:
        """End where nothing is left to wait for."""
        run = self._run
        if run.end_reason is None and not run.waits and not run.held and not run.stopped:
            self.end(EndReason.COMPLETED)

    def end(self, reason: EndReason) -> None:
        """End at once: what waits, is ready or is held is skipped, and so is what no branch has reached."""
        run, trail, by_id = self._run, self._trail, self.known
        for (node_id, visit), wait in run.waits.items():
            trail.skip(OpenStep(by_id[node_id], visit, wait.step), reason)
            if wait.reason == CHILD:
                self.left.append(wait.knows["execution"])
        for rank, visit in sorted(self._ready):
            trail.skip(trail.never_begun(self._plan.nodes[rank], visit), reason)
        for node_id, visit in (*run.held, *(key for key in run.stopped if key not in run.waits)):
            trail.skip(trail.never_begun(by_id[node_id], visit), reason)
        run.waits, run.held, run.stopped, self._ready = {}, [], [], []
        ran = {node_id for node_id, _ in run.path}
        for node in self._plan.nodes[: self._plan.reachable]:
            if node.id not in ran:
                trail.skip(trail.never_begun(node, 1), "unreached")
        run.end_reason = reason
        run.finished_at_ms = self._now_ms
        run.status = _end_status(run, reason)


def _end_status(run: Run, reason: EndReason) -> ExecutionStatus:
    if reason is EndReason.LIMIT:
        return ExecutionStatus.PARTIAL
    if reason is EndReason.CANCELLED:
        return ExecutionStatus.CANCELLED
    if not run.has_failed:
        return ExecutionStatus.SUCCEEDED
    return ExecutionStatus.PARTIAL if run.has_acted else ExecutionStatus.FAILED
