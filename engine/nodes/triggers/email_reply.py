"""Trigger: a contact answered an email."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.events import Event
from engine.nodes.base import TriggerType
from engine.nodes.campaigns import CampaignChoice, chosen, of_chosen_campaign, warn_never
from engine.nodes.fields import AnyTexts

MAX_KEYWORDS: Final = 100
"""Each is looked for in the whole text of every reply."""


class EmailReply(CampaignChoice):
    """Which replies."""

    required_keywords: AnyTexts | None = Field(
        default=None,
        max_length=MAX_KEYWORDS,
        description=f"Only replies with one of these in their text, in capitals or not; {MAX_KEYWORDS} at most.",
    )


def matches(config: EmailReply, event: Event) -> bool:
    """Whether the reply is of a chosen campaign and says one of the keywords."""
    if config.required_keywords:
        text = event.payload.get("replyText")
        said = text.casefold() if isinstance(text, str) else ""
        if not any(keyword.casefold() in said for keyword in config.required_keywords):
            return False
    return of_chosen_campaign(config, event)


NODE: Final = TriggerType(
    name="email_reply",
    label="Email answered",
    help="Starts when a contact answers an email of one of the chosen campaigns.",
    config=EmailReply,
    example={"campaignId": "campaign_456", "requiredKeywords": ["playlist", "add"]},
    matches=matches,
    subject_types=("contact",),
    campaigns=chosen,
    warn=warn_never,
)
