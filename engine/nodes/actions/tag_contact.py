"""Action: give the contact a tag."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.context import Context
from engine.nodes.base import ActionType, Config, Done, Failed, Order
from engine.nodes.fields import FieldPath, Text
from engine.nodes.lookups import CONTACT_FIELD, MISSING_ID, required_id

COMMAND: Final = "tag_contact"


class TagContact(Config):
    """Which tag, which contact."""

    tag: Text = Field(description="The tag.")
    contact_id_field: FieldPath = Field(default=CONTACT_FIELD, description="Where the contact's id is.")


def act(config: TagContact, context: Context) -> Done | Failed:
    """Make the command; this execution knows at once that its subject has the tag."""
    contact = required_id(context, config.contact_id_field, "contact")
    if isinstance(contact, Failed):
        return contact
    tags = frozenset({config.tag}) if context.subject == ("contact", contact) else frozenset[str]()
    return Done(orders=(Order(COMMAND, {"contactId": contact, "tag": config.tag}, contacts=1),), tags=tags)


NODE: Final = ActionType(
    name="tag_contact",
    label="Tag the contact",
    help="Gives the contact a tag.",
    config=TagContact,
    example={"tag": "high-value"},
    act=act,
    command=COMMAND,
    errors={MISSING_ID: "There is no contact where it looks for one."},
)
