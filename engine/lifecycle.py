"""What becomes of running executions when their flow changes (product.md section 1, Flows): asked before each input.

Pure rules over the head of a flow, in log time. A change that touches executions at once is a timer of each of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.flow import FlowHead
from engine.types import EndReason


def end_of(head: FlowHead, version: int, started_at_ms: int, now_ms: int) -> EndReason | None:
    """Return why an execution must end now, or None where it may go on.

    Args:
        head: of its flow.
        version: the one it is on.
        started_at_ms: since when it runs.
        now_ms: log time.
    """
    if any(at_ms <= now_ms for at_ms in _archived(head, started_at_ms)):
        return EndReason.ARCHIVED
    if any(at_ms <= now_ms for at_ms in _exits(head, version)):
        return EndReason.VERSION_EXIT
    return None


def version_for(head: FlowHead, version: int, now_ms: int) -> int:
    """Return the version that an execution goes on with: the highest above its own published with `migrate`."""
    return max(
        (
            one.version
            for one in head.versions
            if one.policy == "migrate" and one.version > version and one.effective_from_ms <= now_ms
        ),
        default=version,
    )


def for_pinned(head: FlowHead, started_at_ms: int) -> FlowHead:
    """Return what a flow's head says to an execution whose version was named: only later versions can touch it."""
    later = tuple(one for one in head.versions if one.effective_from_ms > started_at_ms)
    return head.model_copy(update={"versions": later})


def is_paused(head: FlowHead, now_ms: int) -> bool:
    """Whether nothing of a flow runs at a moment of log time."""
    return head.status_at(now_ms) == "paused"


def changes(head: FlowHead, version: int, started_at_ms: int, *, is_stopped: bool) -> Iterator[int]:
    """Yield the moments at which a running execution must be looked at because of what becomes of its flow.

    Args:
        head: of its flow.
        version: the one it is on.
        started_at_ms: since when it runs.
        is_stopped: whether a pause holds something of it, which a resume lets go.
    """
    yield from _archived(head, started_at_ms)
    yield from _exits(head, version)
    if is_stopped:
        for before, after in zip(head.statuses, head.statuses[1:], strict=False):
            if before.status == "paused":
                yield after.at_ms


def moments(head: FlowHead) -> tuple[int, ...]:
    """Return all moments at which what becomes of a flow touches executions at once; of most flows there are none."""
    return tuple(changes(head, 0, 0, is_stopped=True))


def _archived(head: FlowHead, started_at_ms: int) -> Iterator[int]:
    for change in head.statuses:
        # A worker may have started it before it heard of the archive: what is archived still is so for all.
        if (
            change.status == "archived"
            and not change.drain
            and (change.at_ms >= started_at_ms or change is head.statuses[-1])
        ):
            yield change.at_ms


def _exits(head: FlowHead, version: int) -> Iterator[int]:
    for one in head.versions:
        if one.policy == "exit" and one.version > version:
            yield one.effective_from_ms
