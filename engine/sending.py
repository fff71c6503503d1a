"""What one input sends: commands, the events that start sub-flows, and what was held back of messages.

The id and the attempt of a command, and how large it may be, are decided here; whether it is sent is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine import ids, limits
from engine.inputs import Command, HeldBack, SubFlow
from engine.nodes.base import Done, Failed, Order, SubFlowOrder
from engine.outputs import json_bytes
from engine.run import Run
from engine.sub_flows import sub_flow_event
from engine.systems import BY_COMMAND_TYPE
from engine.trail import OpenStep


@dataclass(slots=True)
class Sending:
    """What has been made so far, in the order in which it was made."""

    commands: list[Command] = field(default_factory=list)
    held_back: list[HeldBack] = field(default_factory=list)
    sent_ms: list[int] = field(default_factory=list)
    """When messages go out, in wall time."""
    sub_flows: list[SubFlow] = field(default_factory=list)

    def start_sub_flow(self, run: Run, step: OpenStep, done: Done, order: SubFlowOrder, now_ms: int) -> Done:
        """Start the flow that an action asks for; return its outcome, with the execution that it starts."""
        event = sub_flow_event(run, step.node.id, step.visit, now_ms)
        execution = ids.execution_id(order.flow_id, event.source, run.subject, event.id)
        parent = run.id if order.waits else None
        self.sub_flows.append(SubFlow(order.flow_id, event, execution, order.version, parent))
        return replace(done, output={**done.output, "executionId": execution})


def commands_of(run: Run, step: OpenStep, orders: Sequence[Order]) -> list[Command] | Failed:
    """Return the commands that an action asks for, or the failure of a step whose command is too large."""
    commands = [_command(run, step, ordinal, order) for ordinal, order in enumerate(orders)]
    for command in commands:
        if (size := json_bytes(command.payload)) > limits.MAX_COMMAND_BYTES:
            message = f"the command would be {size} bytes, the most is {limits.MAX_COMMAND_BYTES}; shorten its config"
            return Failed("command_too_large", message, "payload", size)
    return commands


def lead_ms(message: Done) -> int:
    """Return how long after its command a message goes out."""
    return max((order.lead_ms for order in message.orders), default=0)


def _command(run: Run, step: OpenStep, ordinal: int, order: Order) -> Command:
    return Command(
        id=ids.command_id(run.id, step.node.id, step.visit, ordinal),
        type=order.type,
        target=BY_COMMAND_TYPE[order.type].name,
        node_id=step.node.id,
        subject=run.subject,
        attempt=run.tries.get(step.key, 1),
        payload=dict(order.payload),
    )
