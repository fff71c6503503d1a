"""How much an execution may do, and which limit an action would pass (product.md section 2, Limits)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from engine.flow import Limits, LimitsRecord
from engine.holdout import Holdout
from engine.message_rules import MessageRules
from engine.nodes.base import Order
from engine.run import Counts
from engine.types import StepError

MAX_STEPS: Final = 1_000
"""Steps of one execution; not a setting."""

MAX_SUB_FLOWS: Final = 100
"""Sub-flows of one execution, theirs included; not a setting (product.md section 4, run_flow)."""

MAX_COMMAND_BYTES: Final = 512 * 1024
"""A larger command fails its step (contract.md section 4)."""

INTERNAL_COMMAND_TYPES: Final = frozenset({"notify_user"})
"""Commands that are no external write."""


def limits_in_force(workspace: LimitsRecord | None, user: LimitsRecord | None) -> Limits:
    """Return the workspace's value, else the user's, else the default, limit by limit."""
    chosen: dict[str, int] = {}
    for name in Limits.model_fields:
        for record in (workspace, user):
            value = getattr(record, name, None)
            if value is not None:
                chosen[name] = value
                break
    return Limits(**chosen)


@dataclass(frozen=True, slots=True)
class House:
    """What a user or workspace asks of all its flows; a flow can be stricter, never laxer."""

    holdout: Holdout | None = None
    messages: MessageRules | None = None


def house_in_force(workspace: LimitsRecord | None, user: LimitsRecord | None) -> House:
    """Return the workspace's rules, else the user's, rule by rule."""
    records = [record for record in (workspace, user) if record is not None]
    return House(
        holdout=next((record.holdout for record in records if record.holdout is not None), None),
        messages=next((record.messages for record in records if record.messages is not None), None),
    )


def passed_by_step(counts: Counts, node_id: str) -> StepError | None:
    """Return the error of one more step than an execution may have."""
    if counts.steps < MAX_STEPS:
        return None
    return _error("maxSteps", MAX_STEPS, node_id)


def passed_by_action(counts: Counts, limits: Limits, node_id: str) -> StepError | None:
    """Return the error of one more action than the limit, or None where it may run."""
    if counts.actions < limits.max_actions_per_execution:
        return None
    return _error("maxActionsPerExecution", limits.max_actions_per_execution, node_id)


def passed_by_orders(counts: Counts, limits: Limits, orders: Iterable[Order], node_id: str) -> StepError | None:
    """Return the error of the first limit that these commands would pass, or None where they may go out."""
    writes, contacts = uses(orders)
    if writes and counts.external_writes + writes > limits.max_external_writes:
        return _error("maxExternalWrites", limits.max_external_writes, node_id)
    if contacts and counts.contact_actions + contacts > limits.max_contact_actions:
        return _error("maxContactActions", limits.max_contact_actions, node_id)
    return None


def passed_by_sub_flow(counts: Counts, node_id: str) -> StepError | None:
    """Return the error of one more sub-flow than an execution and all below it may have."""
    return _error("maxSubFlows", MAX_SUB_FLOWS, node_id) if counts.sub_flows >= MAX_SUB_FLOWS else None


def uses(orders: Iterable[Order]) -> tuple[int, int]:
    """Return how many external writes and contact actions these commands are."""
    writes = contacts = 0
    for order in orders:
        writes += order.type not in INTERNAL_COMMAND_TYPES
        contacts += order.contacts
    return writes, contacts


def _error(name: str, value: int, node_id: str) -> StepError:
    return StepError(
        code="limit",
        message=f"node {node_id} would pass the limit {name} of {value}; the execution ended before it",
        node_id=node_id,
        field=name,
        value=value,
    )
