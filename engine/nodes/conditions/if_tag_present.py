"""Condition: the contact has a tag."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.context import Context
from engine.json_values import is_member
from engine.nodes.base import ConditionType, Config
from engine.nodes.fields import FieldPath, Text
from engine.nodes.lookups import CONTACT_FIELD, contact_facts


class IfTagPresent(Config):
    """Which tag, which contact."""

    tag: Text = Field(description="The tag.")
    contact_id_field: FieldPath = Field(
        default=CONTACT_FIELD, description="Where the contact's id is. Only the contact the flow is about can be read."
    )


def decide(config: IfTagPresent, context: Context) -> str:
    """Look for the tag among the contact's, the event's, and those this execution set."""
    contact = contact_facts(context, config.contact_id_field)
    if contact is None:
        return "false"
    context.note_seen("contact.tags", contact["tags"])
    has = (
        config.tag in contact["tags"]
        or config.tag in context.execution_tags
        or is_member(config.tag, context.event.payload.get("tags"))
    )
    return "true" if has else "false"


NODE: Final = ConditionType(
    name="if_tag_present",
    label="If the contact has a tag",
    help="Asks whether the contact has a tag: by the list, by the event, or because this flow just set it.",
    config=IfTagPresent,
    example={"tag": "high-value"},
    decide=decide,
)
