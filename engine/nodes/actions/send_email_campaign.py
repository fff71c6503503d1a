"""Action: send an email, to the contact, to some contacts, or to a segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import Field

from engine.context import Context
from engine.nodes.base import ActionType, Config, Done, Failed, Order, Wait
from engine.nodes.fields import YEAR_SECONDS, Address, Ids, OpaqueId, Seconds, Text
from engine.nodes.lookups import CONTACT_FIELD, MISSING_ID, required_id, set_only
from engine.types import Json

COMMAND: Final = "send_email_campaign"


class SendEmailCampaign(Config):
    """What is sent, to whom, and when."""

    name: Text | None = Field(default=None, description="A name for the campaign, for yourself.")
    subject: Text = Field(description="The subject of the email.")
    body: Text = Field(description="The text of the email.")
    from_email: Address = Field(description="The address it comes from.")
    template_id: OpaqueId | None = Field(default=None, description="A layout of the Email Engine.")
    to_segment_id: OpaqueId | None = Field(default=None, description="To everybody in this segment.")
    to_contact_ids: Ids | None = Field(
        default=None, description="To these contacts. Without both it goes to the contact the flow is about."
    )
    delay: Seconds | None = Field(default=None, description="How many seconds to wait before it is sent.")

    @classmethod
    def conflict(cls, given: Mapping[str, Json]) -> str | None:
        """Say that there are two kinds of recipients."""
        if given.get("to_segment_id") is None or given.get("to_contact_ids") is None:
            return None
        return "toSegmentId and toContactIds are both set; use one of them"


def act(config: SendEmailCampaign, context: Context) -> Done | Wait | Failed:
    """Send at once, or wait first; without anybody to send to it fails before the wait."""
    done = send(config, context)
    return Wait("delay", seconds=config.delay) if config.delay and isinstance(done, Done) else done


def send(config: SendEmailCampaign, context: Context) -> Done | Failed:
    """Make the command."""
    contacts = config.to_contact_ids
    if config.to_segment_id is None and contacts is None:
        contact = required_id(context, CONTACT_FIELD, "contact")
        if isinstance(contact, Failed):
            return contact
        contacts = (contact,)
    payload = set_only(
        name=config.name,
        subject=config.subject,
        body=config.body,
        fromEmail=config.from_email,
        templateId=config.template_id,
        toSegmentId=config.to_segment_id,
        toContactIds=None if contacts is None else list(contacts),
    )
    return Done(orders=(Order(COMMAND, payload, contacts=1 if contacts is None else len(contacts)),))


NODE: Final = ActionType(
    name="send_email_campaign",
    label="Send an email",
    help="Sends an email to the contact the flow is about, to contacts you name, or to a segment.",
    config=SendEmailCampaign,
    example={
        "subject": "A first listen, for you",
        "body": 'Hi {{ contact.name | default: "there" }}, here is my new single.',
        "fromEmail": "artist@example.com",
    },
    act=act,
    wake=send,
    command=COMMAND,
    errors={MISSING_ID: "No recipients are given, and the flow is about no contact."},
    message=True,
    segment_key="toSegmentId",
    waits=lambda config: config.delay is not None and config.delay > 0,
    warn=lambda config: (
        f"delay is {config.delay} seconds, more than a year; is it meant to be?"
        if config.delay is not None and config.delay > YEAR_SECONDS
        else None
    ),
)
