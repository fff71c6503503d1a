"""The trail of an execution: the record of each step that an input moves, as the feed has it.

One of the four files in which everything that changes a run is (`interpreter`, `acting`, `wave`, `trail`). It writes
how a step went, and knows nothing of what follows from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

from engine.nodes.base import ERROR, OUT, Failed
from engine.plan import PlanNode
from engine.run import Key, PathStep, Run, WaitState
from engine.types import Json, StepError, StepStatus
from engine.wire import rfc3339

T = TypeVar("T")


MAX_SAID_CHARS: Final = 1_000
"""Of a text in an error, which the execution keeps: what failed may be as long as an event."""


class OpenStep(NamedTuple):
    """A step that is being decided: its node, its visit, and its record so far."""

    node: PlanNode
    visit: int
    record: dict[str, Json]
    config: Json = None
    """The config with which its wait was opened on another version of the flow."""

    @property
    def key(self) -> Key:
        """What runs at most once in an execution."""
        return self.node.id, self.visit

    def note(self, notes: Mapping[str, Json]) -> None:
        """Say in the record what is not plain about the step, where there is something."""
        if notes:
            self.record.setdefault("notes", {}).update(notes)


class Trail:
    """The records that one input moves.

    Args:
        run: the execution they are of.
        now_ms: when that is, in log time.
    """

    __slots__ = ("_now", "_run", "moved")

    def __init__(self, run: Run, now_ms: int) -> None:
        self._run = run
        self._now = rfc3339(now_ms)
        self.moved: dict[Key, dict[str, Json]] = {}

    def open(self, node: PlanNode, visit: int) -> OpenStep:
        """Begin a step."""
        return OpenStep(node, visit, self._record(node, visit, self._now))

    def never_begun(self, node: PlanNode, visit: int) -> OpenStep:
        """Return a step that is only there to be skipped."""
        return OpenStep(node, visit, self._record(node, visit, None))

    def wait(self, step: OpenStep, reason: str, until_ms: int, knows: dict[str, Json]) -> None:
        """Let a step wait."""
        self._run.waits[step.key] = WaitState(until_ms, reason, step.node.rank, step.record, knows)
        self.moved[step.key] = dict(step.record)

    def finish(self, step: OpenStep, port: str, output: Mapping[str, Json]) -> None:
        """Close a step that worked."""
        record = step.record
        record |= {"status": StepStatus.SUCCEEDED, "port": port, "output": output, "finishedAt": self._now}
        self._run.outputs[step.node.id] = output
        self._close(step)

    def fail(self, step: OpenStep, failed: Failed) -> StepError:
        """Close a step that did not work; return the error that it is recorded with."""
        record = step.record
        error = StepError(
            failed.code, _short(failed.message), step.node.id, _short(failed.field), _short(failed.value)
        )  # fmt: skip
        record |= {"status": StepStatus.FAILED, "port": ERROR, "error": error.wire(), "finishedAt": self._now}
        self._run.outputs[step.node.id] = {"error": error.wire()}
        self._close(step)
        return error

    def leave_out(self, step: OpenStep, reason: str) -> None:
        """Close the step of a message that is never sent: skipped, but its branch goes on."""
        self._run.outputs[step.node.id] = step.record["output"] = {"sent": False, "reason": reason}
        step.record["port"] = OUT
        self.skip(step, reason)

    def skip(self, step: OpenStep, reason: str) -> None:
        """Close a step that is not to be done, and say why."""
        record = step.record
        record |= {"status": StepStatus.SKIPPED, "reason": reason, "finishedAt": self._now}
        self._close(step)

    def note_arrival(self, source: Key, node: PlanNode) -> None:
        """Say of a step that closed with this input that what it leads to had already run."""
        notes = self.moved[source].setdefault("notes", {})
        notes.setdefault("alreadyRan", []).append(node.id)

    def _close(self, step: OpenStep) -> None:
        key, record = step.key, step.record
        self._run.path[key] = PathStep(step.node.id, step.visit, record["status"], record["port"])
        self.moved[key] = record

    def _record(self, node: PlanNode, visit: int, started_at: str | None) -> dict[str, Json]:
        return {
            "nodeId": node.id,
            "visit": visit,
            "try": self._run.tries.get((node.id, visit), 1),
            "type": node.type.kind,
            "subtype": node.type.name,
            "status": StepStatus.RUNNING,
            "port": None,
            "input": {},
            "output": {},
            "error": None,
            "commandIds": [],
            "startedAt": started_at,
            "finishedAt": None,
        }


def _short(said: T) -> T | str:
    """Return what an error says, cut where it is a long text."""
    return f"{said[:MAX_SAID_CHARS]}…" if isinstance(said, str) and len(said) > MAX_SAID_CHARS else said
