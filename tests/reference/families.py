"""Flows that flows run and wait for: a child starts, ends with its parent, or has ended; one after the other."""

from __future__ import annotations

from typing import Any

from tests.reference import nodes
from tests.reference.board import Event
from tests.reference.entries import Entries
from tests.reference.machine import Execution

MAX_DEPTH = 10


class Families(Entries):
    """What the executions of a family want of each other, within the input that began it."""

    def run_errands(self) -> None:
        """Do what follows from a record for other members of a family; what that leads to comes last."""
        if self.is_on_errands:
            return
        self.is_on_errands = True
        while self.errands:
            what, execution, value = self.errands.pop(0)
            if what == "start":
                self.start_child(execution, *value)
            elif what == "leave":
                child = self.known(value)
                if child is not None and child.end is None:
                    child.cancel()
            elif what == "refuse":
                execution.child_ended(value, None)
            else:
                self.tell_parent(execution)
        self.is_on_errands = False

    def known(self, execution_id: str) -> Execution | None:
        return next((one for one in self.executions if one.id == execution_id), None)

    def start_child(self, parent: Execution, flow_id: str, number: int | None, event: Event, child_id: str) -> None:
        """Start it, whatever entry rules say, or run one again that failed; where neither can be, the step fails."""
        flow, child = self.flows.get(flow_id), self.known(child_id)
        version = flow.versions.get(number or max(flow.versions)) if flow is not None and flow.takes else None
        can_start = (
            version is not None and event["depth"] <= MAX_DEPTH
            and nodes.trigger_of(version)["subtype"] == "manual_trigger"
        )  # fmt: skip
        if can_start and flow is not None and version is not None and child is None:
            self.admit(flow, version, event, parent.origin, parent)
        elif can_start and flow is not None and child is not None and child.end is None:
            pass  # somebody has it run again already
        elif can_start and flow is not None and child is not None and child.can_be_retried() and not flow.ends(child):
            child.retry()
        else:
            self.errands.append(("refuse", parent, child_id))

    def tell_parent(self, execution: Execution) -> None:
        """Its end is an input of its parent; failed or cancelled, the step has failed."""
        parent = execution.parent
        if parent is None:
            return
        steps = {
            node: {"output": output}
            for node, output in execution.outputs.items()
            if node in execution.nodes and node != execution.trigger
        }
        output: dict[str, Any] = {
            "flowId": execution.flow["flowId"], "version": execution.flow["version"], "executionId": execution.id,
            "status": execution.status, "endReason": execution.end, "steps": steps,
        }  # fmt: skip
        parent.child_ended(execution.id, None if execution.status in {"failed", "cancelled"} else output)
