"""What a pause lets through: clocks run on, but nothing acts (product.md section 1, `pause`)."""

from __future__ import annotations

from engine.nodes.base import ActionType
from engine.plan import PlanNode


def would_act(node: PlanNode) -> bool:
    """Whether the end of this node's wait does something in the world, so that a pause holds it, too.

    A delay that is over is over; the branch is then held before the next node.
    """
    return isinstance(node.type, ActionType) and node.type.wake is not None
