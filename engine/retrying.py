"""What a retry by hand goes on from: the nodes whose failure counts, and what was skipped only for it.

Only an execution that completed with a failure is kept for that: one that was ended (by a limit, a cancel, its flow)
was ended for a reason that a retry does not take away.
"""

from __future__ import annotations

from typing import Final

from engine.due import RETRY_RANK, Timer
from engine.nodes.base import ERROR
from engine.plan import Plan
from engine.run import Key, Run
from engine.types import EndReason, ExecutionId, NodeId, StepStatus

KEPT_MS: Final = 30 * 86_400_000
"""How long an execution that failed can be retried; its state is kept so long."""


def can_be_retried(run: Run) -> bool:
    """Whether an execution that has ended is kept for a retry."""
    return run.end_reason is EndReason.COMPLETED and run.has_failed


def forget_timer(execution: ExecutionId, finished_at_ms: int) -> Timer:
    """Return the timer at which an execution that failed is forgotten."""
    return Timer(finished_at_ms + KEPT_MS, execution, RETRY_RANK, 0, NodeId(""))


def failed(plan: Plan, run: Run) -> list[Key]:
    """Return the nodes to run again: those that failed without an error edge."""
    return [
        key
        for key, step in run.path.items()
        if step.status == StepStatus.FAILED and not plan.by_id[key[0]].edges(ERROR)
    ]


def reopened(run: Run) -> list[Key]:
    """Return what was skipped because nothing reached it, and may be reached now."""
    return [key for key, step in run.path.items() if step.status == StepStatus.SKIPPED and key not in run.arrivals]
