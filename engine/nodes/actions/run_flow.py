"""Action: start another flow, about the same subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import Field

from engine.context import Context
from engine.nodes.base import ActionType, Config, Done
from engine.nodes.fields import OpaqueId
from engine.types import FlowId, Json


class RunFlow(Config):
    """Which flow."""

    flow_id: OpaqueId = Field(description="The flow to start; its trigger is manual_trigger.")
    version: int | None = Field(
        default=None, ge=1, description="Goes with wait, which is not supported yet: the version in force is started."
    )
    wait: bool = Field(
        default=False, description="Whether to wait until it has ended. Not supported yet: the branch goes on at once."
    )

    @classmethod
    def conflict(cls, given: Mapping[str, Json]) -> str | None:
        """Say which keys are not built."""
        if given.get("wait"):
            return "wait true is not supported yet; leave it out, and the flow is started without waiting for its end"
        if given.get("version") is not None:
            return "version goes with wait, which is not supported yet; leave it out"
        return None


def act(config: RunFlow, _context: Context) -> Done:
    """Ask for the flow to be started; whether it lets the subject in is its own affair."""
    return Done(output={"flowId": config.flow_id}, runs=FlowId(config.flow_id))


NODE: Final = ActionType(
    name="run_flow",
    label="Run another flow",
    help="Starts another flow about the same contact, with the same event. Its own entry rules hold.",
    config=RunFlow,
    example={"flowId": "flow_123"},
    act=act,
)
