"""Action: put the contact into a segment, or take it out."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from engine.context import Context
from engine.nodes.base import ActionType, Config, Done, Failed, Order
from engine.nodes.fields import FieldPath, OpaqueId
from engine.nodes.lookups import CONTACT_FIELD, MISSING_ID, required_id

COMMAND: Final = "update_segment"


class UpdateSegment(Config):
    """Which segment, which contact, in or out."""

    segment_id: OpaqueId = Field(description="The segment.")
    action: Literal["add", "remove"] = Field(description="Put the contact into the segment, or take it out.")
    contact_id_field: FieldPath = Field(default=CONTACT_FIELD, description="Where the contact's id is.")


def act(config: UpdateSegment, context: Context) -> Done | Failed:
    """Make the command."""
    contact = required_id(context, config.contact_id_field, "contact")
    if isinstance(contact, Failed):
        return contact
    payload = {"contactId": contact, "segmentId": config.segment_id, "action": config.action}
    return Done(orders=(Order(COMMAND, payload, contacts=1),))


NODE: Final = ActionType(
    name="update_segment",
    label="Change a segment",
    help="Puts the contact into a segment, or takes it out.",
    config=UpdateSegment,
    example={"segmentId": "engaged", "action": "add"},
    act=act,
    command=COMMAND,
    errors={MISSING_ID: "There is no contact where it looks for one."},
)
