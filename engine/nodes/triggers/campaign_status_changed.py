"""Trigger: the status of a campaign changed."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.events import Event, opaque_id
from engine.nodes.base import Config, TriggerType
from engine.nodes.fields import OpaqueId, Text, agrees


class CampaignStatusChanged(Config):
    """Which changes."""

    old_status: Text | None = Field(default=None, description="Only changes from this status.")
    new_status: Text | None = Field(default=None, description="Only changes to this status.")
    campaign_id: OpaqueId | None = Field(default=None, description="Only this campaign.")


def matches(config: CampaignStatusChanged, event: Event) -> bool:
    """Whether campaign and both statuses are those that are waited for."""
    payload = event.payload
    return (
        agrees(config.old_status, payload.get("oldStatus"))
        and agrees(config.new_status, payload.get("newStatus"))
        and agrees(config.campaign_id, opaque_id(payload.get("campaignId")))
    )


NODE: Final = TriggerType(
    name="campaign_status_changed",
    label="Campaign status changed",
    help="Starts when a campaign gets another status. Where a contact caused it, the flow is about that contact.",
    config=CampaignStatusChanged,
    example={"oldStatus": "active", "newStatus": "completed"},
    matches=matches,
    subject_types=("contact", "campaign"),
    campaigns=lambda config: None if config.campaign_id is None else frozenset({config.campaign_id}),
)
