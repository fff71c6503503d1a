"""What a running execution takes along when it moves to another version (product.md section 1, `migrate`).

Pure: says what the interpreter then does. Nodes are the same where their ids are, edges where they join the same nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine import retrying
from engine.plan import Plan, PlanEdge
from engine.run import Key, Run

GONE = -1
"""The order of an edge that the new version does not have."""


def lost_nodes(run: Run, old: Plan, new: Plan) -> list[str]:
    """Return the nodes an execution stands at that the new version does not have, or has with another subtype.

    One that has ended, and is to be retried, stands at its failures.
    """
    failures = retrying.failed(old, run) if run.end_reason is not None else ()
    stands = dict.fromkeys(node_id for node_id, _ in (*run.waits, *run.held, *run.stopped, *failures))
    return [
        node_id
        for node_id in stands
        if node_id not in new.by_id or new.by_id[node_id].type.name != old.by_id[node_id].type.name
    ]


def arrivals(run: Run, old: Plan, new: Plan) -> dict[Key, list[int]]:
    """Return by which edges of the new version branches arrived."""
    order_of = {ends: edge.order for ends, edge in reversed(list(_edges(new)))}
    ends_of = {edge.order: ends for ends, edge in _edges(old)}
    return {
        key: [order_of.get(ends_of.get(order, ("", "")), GONE) for order in orders]
        for key, orders in run.arrivals.items()
    }


def _edges(plan: Plan) -> Iterator[tuple[tuple[str, str], PlanEdge]]:
    for node in plan.nodes:
        for ways in (*node.ports.values(), node.default):
            for edge in ways:
                yield (node.id, plan.nodes[edge.target].id), edge
