"""Trigger: the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from engine.cron import CronError, check_cron
from engine.events import Event
from engine.nodes.base import Config, TriggerType
from engine.nodes.fields import OpaqueId, Text
from engine.types import Json
from engine.zones import zone_named


class Schedule(Config):
    """When, by which clocks, and for whom."""

    cron: Text = Field(description="When: minute, hour, day of month, month, weekday, such as 0 9 * * MON.")
    timezone: Text = Field(default="UTC", description="The time zone of these times, such as Europe/Berlin.")
    segment_id: OpaqueId | None = Field(
        default=None, description="Once for each contact who is in this segment then; without it, once."
    )
    catch_up: Literal["last", "all", "none"] = Field(
        default="last",
        description="What becomes of times that went by while no worker ran: the last one is made up for, all are, "
        "or none.",
    )

    @classmethod
    def conflict(cls, given: Mapping[str, Json]) -> str | None:
        """Say that the zone is unknown, or that the times never come."""
        name, cron = given.get("timezone") or "UTC", given.get("cron")
        zone = zone_named(name)
        if zone is None:
            return f"timezone is {name!r:.80}, which is no time zone; write it like Europe/Berlin"
        try:
            if isinstance(cron, str) and cron:
                check_cron(cron, zone)
        except CronError as error:
            return f"cron {error}"
        return None


def matches(_config: Schedule, _event: Event) -> bool:
    """Match nothing: the clock starts this flow, no event does."""
    return False


NODE: Final = TriggerType(
    name="schedule",
    label="At set times",
    help="Starts at set times: once, or once for each contact of a segment.",
    config=Schedule,
    example={"cron": "0 9 * * MON", "timezone": "Europe/Berlin", "segmentId": "warm", "catchUp": "last"},
    matches=matches,
    subject_types=("contact", "user"),
    campaigns=lambda _config: frozenset(),
)
