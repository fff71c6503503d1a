"""Action: wait, for some time or until a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import Field

from engine.context import MISSING, Context
from engine.nodes.base import ActionType, Config, Failed, Wait
from engine.nodes.fields import YEAR_SECONDS, FieldPath, Seconds, Time, read_time
from engine.types import Json

_KEYS: Final = {"delay_seconds": "delaySeconds", "until": "until", "until_field": "untilField"}
_MISSING: Final = "missing_time"
_UNREADABLE: Final = "bad_time"


class Delay(Config):
    """How long, or until when: exactly one of the three."""

    delay_seconds: Seconds | None = Field(default=None, description="How many seconds to wait.")
    until: Time | None = Field(default=None, description="The moment to wait for. A past one is over at once.")
    until_field: FieldPath | None = Field(
        default=None, description="Where the moment is, such as event.releaseDate. A past one is over at once."
    )

    @classmethod
    def conflict(cls, given: Mapping[str, Json]) -> str | None:
        """Say that there is not exactly one end of the wait."""
        ends = [key for name, key in _KEYS.items() if given.get(name) is not None]
        if len(ends) == 1:
            return None
        names = " and ".join(ends) if ends else "none of them"
        return f"set exactly one of {', '.join(_KEYS.values())}; {names} {'are' if len(ends) > 1 else 'is'} set"


def act(config: Delay, context: Context) -> Wait | Failed:
    """Wait; a moment that is missing or unreadable fails the step."""
    if config.delay_seconds is not None:
        return Wait("delay", seconds=config.delay_seconds)
    if config.until_field is None:
        return Wait("delay", until_ms=read_time(config.until))
    value = context.resolve(config.until_field)
    if value is MISSING:
        context.note_missing(config.until_field)
        return Failed(_MISSING, f"no time: {config.until_field} is missing", config.until_field)
    until_ms = read_time(value)
    if until_ms is None:
        shown = value if isinstance(value, (str, int, float)) else None
        message = f"no time: {config.until_field} holds {value!r:.80}; a time is written like 2026-11-01T10:30:00Z"
        return Failed(_UNREADABLE, message, config.until_field, shown)
    return Wait("delay", until_ms=until_ms)


NODE: Final = ActionType(
    name="delay",
    label="Wait",
    help="Waits before the flow goes on, for seconds or for years; a restart or an outage does not lose it.",
    config=Delay,
    example={"delaySeconds": 604_800},
    act=act,
    errors={_MISSING: "There is nothing where `untilField` looks.", _UNREADABLE: "What is there is no time."},
    counts=False,
    waits=lambda _config: True,
    warn=lambda config: (
        f"delaySeconds is {config.delay_seconds}, more than a year; is it meant to be?"
        if config.delay_seconds is not None and config.delay_seconds > YEAR_SECONDS
        else None
    ),
)
