"""Condition: enough time has passed since a moment."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.context import MISSING, Context
from engine.nodes.base import ConditionType, Config
from engine.nodes.fields import FieldPath, Seconds, read_time


class IfTimeElapsed(Config):
    """Since when, and how long."""

    timestamp_field: FieldPath = Field(description="Where the moment is, such as engagement.lastOpenedAt.")
    elapsed_seconds: Seconds = Field(description="How many seconds must have passed since then.")


def decide(config: IfTimeElapsed, context: Context) -> str:
    """Compare the moment with now; where there is none, or it cannot be read, the answer is false."""
    value = context.resolve(config.timestamp_field)
    if value is MISSING:
        context.note_missing(config.timestamp_field)
        return "false"
    context.note_seen(config.timestamp_field, value)
    at_ms = read_time(value)
    if at_ms is None:
        return "false"
    return "true" if context.now_ms - at_ms >= config.elapsed_seconds * 1000 / context.time_scale else "false"


NODE: Final = ConditionType(
    name="if_time_elapsed",
    label="If time has passed",
    help="Asks whether so many seconds have passed since a moment. Without a readable moment the answer is false.",
    config=IfTimeElapsed,
    example={"timestampField": "engagement.lastOpenedAt", "elapsedSeconds": 2_592_000},
    decide=decide,
)
