"""Trigger: a contact opened an email."""

from __future__ import annotations

from typing import Final

from engine.nodes.base import TriggerType
from engine.nodes.campaigns import CampaignChoice, chosen, of_chosen_campaign, warn_never


class EmailOpen(CampaignChoice):
    """Which opens."""


NODE: Final = TriggerType(
    name="email_open",
    label="Email opened",
    help="Starts when a contact opens an email of one of the chosen campaigns, each time they do.",
    config=EmailOpen,
    example={"campaignId": "campaign_456"},
    matches=of_chosen_campaign,
    subject_types=("contact",),
    campaigns=chosen,
    warn=warn_never,
)
