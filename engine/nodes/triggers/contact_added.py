"""Trigger: a contact was added."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.events import Event
from engine.json_values import is_member
from engine.nodes.base import Config, TriggerType
from engine.nodes.fields import AnyTexts, Text, agrees


class ContactAdded(Config):
    """Which contacts."""

    source: Text | None = Field(default=None, description="Only contacts that came from this source.")
    required_tags: AnyTexts | None = Field(default=None, description="Only contacts that have all of these tags.")


def matches(config: ContactAdded, event: Event) -> bool:
    """Whether the source is the one that is waited for, and no tag is missing."""
    tags = event.payload.get("tags")
    return agrees(config.source, event.payload.get("source")) and all(
        is_member(tag, tags) for tag in config.required_tags or ()
    )


NODE: Final = TriggerType(
    name="contact_added",
    label="Contact added",
    help="Starts when a contact is added to the list.",
    config=ContactAdded,
    example={"source": "referral", "requiredTags": ["curator"]},
    matches=matches,
    subject_types=("contact",),
)
