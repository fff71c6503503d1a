"""Condition: the contact is in a segment."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.context import Context
from engine.nodes.base import ConditionType, Config
from engine.nodes.fields import FieldPath, OpaqueId
from engine.nodes.lookups import CONTACT_FIELD, contact_facts


class IfSegmentContains(Config):
    """Which segment, which contact."""

    segment_id: OpaqueId = Field(description="The segment.")
    contact_id_field: FieldPath = Field(
        default=CONTACT_FIELD, description="Where the contact's id is. Only the contact the flow is about can be read."
    )


def decide(config: IfSegmentContains, context: Context) -> str:
    """Look the segment up in the contact's."""
    contact = contact_facts(context, config.contact_id_field)
    if contact is None:
        return "false"
    context.note_seen("contact.segments", contact["segments"])
    return "true" if config.segment_id in contact["segments"] else "false"


NODE: Final = ConditionType(
    name="if_segment_contains",
    label="If the contact is in a segment",
    help="Asks whether the contact is in a segment now. Without a contact the answer is false.",
    config=IfSegmentContains,
    example={"segmentId": "new-release-drip"},
    decide=decide,
)
