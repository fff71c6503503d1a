"""Trigger: a release comes nearer."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.events import Event
from engine.nodes.base import Config, TriggerType
from engine.nodes.fields import Number, Text, agrees


class ReleaseApproaching(Config):
    """Which releases, and when."""

    days_until_release: Number | None = Field(
        default=None, description="Only this many days before the release; 0 is the day of the release."
    )
    release_type: Text | None = Field(default=None, description="Only releases of this type, such as single.")


def matches(config: ReleaseApproaching, event: Event) -> bool:
    """Whether the release and the days left are those that are waited for."""
    return agrees(config.days_until_release, event.payload.get("daysUntilRelease")) and agrees(
        config.release_type, event.payload.get("releaseType")
    )


NODE: Final = TriggerType(
    name="release_approaching",
    label="Release comes nearer",
    help="Starts each time the release planner counts down to a release; with a number of days also by the date "
    "of the release, where it is known.",
    config=ReleaseApproaching,
    example={"daysUntilRelease": 14, "releaseType": "single"},
    matches=matches,
    subject_types=("release",),
)
