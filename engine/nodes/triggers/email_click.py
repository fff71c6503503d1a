"""Trigger: a contact clicked a link in an email."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.events import Event
from engine.nodes.base import TriggerType
from engine.nodes.campaigns import CampaignChoice, chosen, of_chosen_campaign, warn_never
from engine.nodes.fields import Text


class EmailClick(CampaignChoice):
    """Which clicks."""

    link_url: Text | None = Field(default=None, description="Only this link, exactly as it stands in the email.")
    url_contains: Text | None = Field(default=None, description="Only links with this text in them.")


def matches(config: EmailClick, event: Event) -> bool:
    """Whether the link and the campaign are those that are waited for."""
    link = event.payload.get("linkUrl")
    if config.link_url is not None and link != config.link_url:
        return False
    if config.url_contains is not None and not (isinstance(link, str) and config.url_contains in link):
        return False
    return of_chosen_campaign(config, event)


NODE: Final = TriggerType(
    name="email_click",
    label="Link clicked",
    help="Starts when a contact clicks a link in an email of one of the chosen campaigns.",
    config=EmailClick,
    example={"allCampaigns": True, "urlContains": "spotify.com"},
    matches=matches,
    subject_types=("contact",),
    campaigns=chosen,
    warn=warn_never,
)
