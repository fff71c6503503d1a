"""Action: let CMG learn from what came of a campaign."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from engine.context import Context
from engine.nodes.base import ActionType, Config, Done, Failed, Order
from engine.nodes.fields import FieldPath, Text
from engine.nodes.lookups import CAMPAIGN_FIELD, CONTACT_FIELD, MISSING_ID, optional_id, required_id, set_only

COMMAND: Final = "update_cmg_node"


class UpdateCmgNode(Config):
    """What came of which campaign, with whom."""

    outcome: Text = Field(description="What came of it, such as playlist_add.")
    log_type: Literal["success", "attempt"] = Field(default="success", description="Whether it worked or was tried.")
    campaign_id_field: FieldPath = Field(default=CAMPAIGN_FIELD, description="Where the campaign's id is.")
    contact_id_field: FieldPath = Field(
        default=CONTACT_FIELD, description="Where the contact's id is; it is left out where there is none."
    )


def act(config: UpdateCmgNode, context: Context) -> Done | Failed:
    """Make the command."""
    campaign = required_id(context, config.campaign_id_field, "campaign")
    if isinstance(campaign, Failed):
        return campaign
    payload = set_only(
        outcome=config.outcome,
        logType=config.log_type,
        campaignId=campaign,
        contactId=optional_id(context, config.contact_id_field),
    )
    return Done(orders=(Order(COMMAND, payload),))


NODE: Final = ActionType(
    name="update_cmg_node",
    label="Tell CMG",
    help="Lets the success fingerprints learn what came of a campaign.",
    config=UpdateCmgNode,
    example={"outcome": "playlist_add", "logType": "success"},
    act=act,
    command=COMMAND,
    errors={MISSING_ID: "There is no campaign where it looks for one."},
)
