"""What a pause lets through: clocks run on, but nothing acts (product.md section 1, `pause`)."""

from __future__ import annotations

from engine.awaiting import ANSWER, RETRY
from engine.nodes.base import ActionType
from engine.plan import PlanNode
from engine.run import WaitState


def would_act(node: PlanNode, wait: WaitState) -> bool:
    """Whether the end of this node's wait does something in the world, so that a pause holds it, too.

    A delay that is over is over, and so is the time for an answer; the branch is then held before the next node.
    """
    if wait.reason in {ANSWER, RETRY}:
        return wait.reason == RETRY
    return isinstance(node.type, ActionType) and node.type.wake is not None
