"""Action: start another flow, about the same subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import Field, ValidationError

from engine.config_templates import is_template
from engine.context import Context
from engine.nodes.base import ActionType, Config, Done, SubFlowOrder
from engine.nodes.fields import OpaqueId
from engine.types import FlowId, Json


class RunFlow(Config):
    """Which flow, which version of it, and whether the branch waits for its end."""

    flow_id: OpaqueId = Field(description="The flow to start; its trigger is manual_trigger.")
    version: int | None = Field(
        default=None,
        ge=1,
        description="The version to start. Left out, it is the one in force: with wait when this flow is published, "
        "else when the node runs.",
    )
    wait: bool = Field(
        default=False,
        description="Whether the branch goes on only once that flow has ended: the step fails where that failed or was "
        "cancelled. It then starts whatever its entry rules say, and ends with this flow.",
    )

    @classmethod
    def conflict(cls, given: Mapping[str, Json]) -> str | None:
        """Say which keys publish must be able to read, and cannot."""
        certain = [key for key in ("wait", "version") if given.get(key) not in (None, False)]
        for key, value in (("wait", given.get("wait")), ("version", given.get("version"))):
            if is_template(value):
                return f"{key} takes no template; it is settled when the flow is published"
        if certain and is_template(given.get("flow_id")):
            return f"flowId takes no template together with {' and '.join(certain)}; write the id of the flow"
        return None


def act(config: RunFlow, _context: Context) -> Done:
    """Ask for the flow to be started; whether it lets the subject in is its own affair, unless its end is awaited."""
    order = SubFlowOrder(FlowId(config.flow_id), config.version, config.wait)
    return Done(output={"flowId": config.flow_id}, runs=order)


def runs(drawn: Mapping[str, Json]) -> SubFlowOrder | None:
    """Return what has to be there when the flow is published, and stay: the version that is named or waited for."""
    if not drawn.get("wait") and drawn.get("version") is None:
        return None
    try:
        config = RunFlow.model_validate(drawn)
    except ValidationError:
        return None  # such a draft is never published
    return SubFlowOrder(FlowId(config.flow_id), config.version, config.wait)


NODE: Final = ActionType(
    name="run_flow",
    label="Run another flow",
    help="Starts another flow about the same contact, with the same event, and waits for its end if told to.",
    config=RunFlow,
    example={"flowId": "flow_123"},
    act=act,
    runs=runs,
    # Of one that is waited for, or whose version is named; of others the feed says why they start nothing.
    errors={
        "sub_flow_failed": "It was waited for, and has failed or was cancelled.",
        "sub_flow_not_published": "The flow, or that version of it, is not published.",
        "not_manual": "Something else than `manual_trigger` starts it.",
        "too_deep": "Flows run flows, ten deep already.",
        "sub_flow_max_running": "So many executions run about the subject that no other may start.",
        "sub_flow_ended": "A retry would run it again, and it has ended without failing.",
    },
)
