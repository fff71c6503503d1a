"""Trigger: a campaign was created."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.events import Event
from engine.nodes.base import Config, TriggerType
from engine.nodes.fields import Text, agrees


class CampaignCreated(Config):
    """Which campaigns."""

    campaign_type: Text | None = Field(default=None, description="Only campaigns of this type.")
    genre: Text | None = Field(default=None, description="Only campaigns of this genre.")


def matches(config: CampaignCreated, event: Event) -> bool:
    """Whether type and genre are those that are waited for."""
    return agrees(config.campaign_type, event.payload.get("campaignType")) and agrees(
        config.genre, event.payload.get("genre")
    )


NODE: Final = TriggerType(
    name="campaign_created",
    label="Campaign created",
    help="Starts when a campaign is created.",
    config=CampaignCreated,
    example={"campaignType": "playlist", "genre": "house"},
    matches=matches,
    subject_types=("campaign",),
)
