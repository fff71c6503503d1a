"""Trigger: a contact joined or left a segment."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from engine.events import Event, opaque_id
from engine.nodes.base import Config, TriggerType
from engine.nodes.fields import OpaqueId, agrees


class SegmentUpdated(Config):
    """Which changes."""

    segment_id: OpaqueId | None = Field(default=None, description="Only this segment.")
    action: Literal["add", "remove"] | None = Field(default=None, description="Only contacts who join, or who leave.")


def matches(config: SegmentUpdated, event: Event) -> bool:
    """Whether segment and action are those that are waited for."""
    return agrees(config.segment_id, opaque_id(event.payload.get("segmentId"))) and agrees(
        config.action, event.payload.get("action")
    )


NODE: Final = TriggerType(
    name="segment_updated",
    label="Segment joined or left",
    help="Starts when a contact joins or leaves a segment, whoever put them there.",
    config=SegmentUpdated,
    example={"segmentId": "warm", "action": "add"},
    matches=matches,
    subject_types=("contact",),
)
