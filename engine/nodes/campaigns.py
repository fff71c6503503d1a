"""The choice of campaigns that the triggers for opens, clicks and replies share (product.md section 4)."""

from __future__ import annotations

from pydantic import Field

from engine.events import Event, opaque_id
from engine.nodes.base import Config
from engine.nodes.fields import AnyIds, OpaqueId


class CampaignChoice(Config):
    """Which campaigns: those that are named, else all, unless `allCampaigns` is false."""

    campaign_id: OpaqueId | None = Field(default=None, description="Only this campaign.")
    campaign_ids: AnyIds | None = Field(default=None, description="Only these campaigns.")
    all_campaigns: bool | None = Field(
        default=None, description="Any campaign, where none is named. False without a named campaign matches nothing."
    )


def chosen(config: CampaignChoice) -> frozenset[str] | None:
    """Return the only campaigns a trigger can match; None where any can."""
    named = {*(config.campaign_ids or ()), *([config.campaign_id] if config.campaign_id else ())}
    if named:
        return frozenset(named)
    return frozenset() if config.all_campaigns is False else None


def of_chosen_campaign(config: CampaignChoice, event: Event) -> bool:
    """Whether an event is of a campaign that was chosen."""
    campaigns = chosen(config)
    return campaigns is None or opaque_id(event.payload.get("campaignId")) in campaigns


def warn_never(config: CampaignChoice) -> str | None:
    """Warn of a choice that matches nothing."""
    if chosen(config) != frozenset():
        return None
    return "allCampaigns is false and no campaign is named, so no event matches; name one, or set allCampaigns to true"
