"""Action: have a follow-up sent to the contact in some days."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.context import Context
from engine.facts import DAY_MS
from engine.nodes.base import ActionType, Config, Done, Failed, Order
from engine.nodes.fields import Address, Days, FieldPath, Text
from engine.nodes.lookups import CAMPAIGN_FIELD, CONTACT_FIELD, MISSING_ID, in_days, optional_id, required_id, set_only

COMMAND: Final = "schedule_followup"


class ScheduleFollowup(Config):
    """What is sent, and when."""

    subject: Text = Field(description="The subject of the email.")
    body: Text = Field(description="The text of the email.")
    from_email: Address = Field(description="The address it comes from.")
    delay_days: Days = Field(default=0, description="In how many days the Email Engine sends it; 0 for at once.")
    campaign_id_field: FieldPath = Field(
        default=CAMPAIGN_FIELD, description="Where the id of the campaign is that this follows."
    )


def act(config: ScheduleFollowup, context: Context) -> Done | Failed:
    """Make the command."""
    contact = required_id(context, CONTACT_FIELD, "contact")
    if isinstance(contact, Failed):
        return contact
    payload = set_only(
        subject=config.subject,
        body=config.body,
        fromEmail=config.from_email,
        scheduleAt=in_days(context, config.delay_days),
        originalCampaignId=optional_id(context, config.campaign_id_field),
        toContactIds=[contact],
    )
    return Done(orders=(Order(COMMAND, payload, contacts=1, lead_ms=round(config.delay_days * DAY_MS)),))


NODE: Final = ActionType(
    name="schedule_followup",
    label="Schedule a follow-up",
    help="Has the Email Engine send a follow-up to the contact the flow is about, in some days.",
    config=ScheduleFollowup,
    example={
        "subject": "Did you get a chance to listen?",
        "body": "What do you think of the track?",
        "fromEmail": "artist@example.com",
        "delayDays": 3,
    },
    act=act,
    wake=act,
    command=COMMAND,
    errors={MISSING_ID: "The flow is about no contact, so there is nobody to write to."},
    message=True,
)
