"""Whether a live branch can still reach a node that joins `all` (product.md section 2, Waves). Pure; walks the plan."""

from __future__ import annotations

from collections.abc import Collection

from engine.plan import Plan
from engine.run import Key

Place = tuple[int, int]
"""A rank and a visit: where a branch is."""


def can_still_reach(plan: Plan, arrived: Collection[Key], branch: Place, rank: int) -> bool:
    """Whether a branch can get to the node of a rank, which is not its own.

    A branch ends where its visit of a node is taken already: that node ran, or the branch that came first is there.

    Args:
        plan: the version.
        arrived: every node and visit at which a branch has arrived.
        branch: where the branch is.
        rank: of the node.
    """
    if rank not in plan.reach[branch[0]]:
        return False
    # From the visit after the latest on, nothing is taken: going round once more changes nothing.
    last = max(visit for _, visit in arrived) + 1
    walked, frontier = {branch}, [branch]
    while frontier:
        at, visit = frontier.pop()
        node = plan.nodes[at]
        for edge in (way for ways in (*node.ports.values(), node.default) for way in ways):
            if edge.target == rank:
                return True
            there = (edge.target, min(visit + edge.back, last))
            if there not in walked and (plan.nodes[edge.target].id, there[1]) not in arrived:
                walked.add(there)
                frontier.append(there)
    return False
