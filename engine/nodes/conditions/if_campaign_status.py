"""Condition: a campaign has a status."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.context import Context
from engine.nodes.base import ConditionType, Config
from engine.nodes.fields import FieldPath, Text
from engine.nodes.lookups import CAMPAIGN_FIELD, optional_id


class IfCampaignStatus(Config):
    """Which status, which campaign."""

    expected_status: Text = Field(description="The status the campaign must have now, such as active.")
    campaign_id_field: FieldPath = Field(default=CAMPAIGN_FIELD, description="Where the campaign's id is.")


def decide(config: IfCampaignStatus, context: Context) -> str:
    """Compare the status of the campaign, as the tracker said it last."""
    campaign_id = optional_id(context, config.campaign_id_field)
    status = context.facts.campaign(campaign_id).get("status") if campaign_id else None
    context.note_seen("campaign.status", status)
    return "true" if status == config.expected_status else "false"


NODE: Final = ConditionType(
    name="if_campaign_status",
    label="If the campaign has a status",
    help="Asks whether a campaign has a status now. Without a campaign, or where nobody said its status, the answer "
    "is false.",
    config=IfCampaignStatus,
    example={"expectedStatus": "active"},
    decide=decide,
)
