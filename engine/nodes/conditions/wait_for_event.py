"""Condition: wait for an event of the subject, for so long at most."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.context import Context
from engine.nodes.base import EVENT, TIMEOUT, ConditionType, Config, Listen
from engine.nodes.fields import YEAR_SECONDS, EventType, Seconds
from engine.types import Json


class WaitForEvent(Config):
    """Which event, and for how long."""

    type: EventType = Field(description="The type of the event to wait for.")
    match: dict[str, Json] = Field(
        default_factory=dict, description="Only an event whose payload has these values, by field."
    )
    timeout_seconds: Seconds = Field(description="How many seconds to wait for it at most.")


def decide(config: WaitForEvent, context: Context) -> Listen:
    """Wait; what is waited for is as it was when the wait began."""
    del context
    return Listen(config.type, config.match, config.timeout_seconds)


NODE: Final = ConditionType(
    name="wait_for_event",
    label="Wait for an event",
    help="Waits until something happens to the one the flow is about, and goes another way if it does not in time.",
    config=WaitForEvent,
    example={"type": "email_reply", "match": {"campaignId": "{{ event.campaignId }}"}, "timeoutSeconds": 604_800},
    decide=decide,
    ports=(EVENT, TIMEOUT),
    waits=lambda _config: True,
    hears=lambda raw: raw["type"] if isinstance(raw.get("type"), str) else None,
    warn=lambda config: (
        f"timeoutSeconds is {config.timeout_seconds}, more than a year; is it meant to be?"
        if config.timeout_seconds > YEAR_SECONDS
        else None
    ),
)
