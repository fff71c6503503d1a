"""Action: write something down in the record of the execution."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from engine.context import Context
from engine.nodes.base import ActionType, Config, Done
from engine.nodes.fields import Text
from engine.nodes.lookups import set_only
from engine.types import Json


class LogEvent(Config):
    """What is written down."""

    message: Text = Field(description="What to write down.")
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much it matters.")
    data: dict[str, Json] | None = Field(default=None, description="Values to write down with it.")


def act(config: LogEvent, _context: Context) -> Done:
    """Write it into the step; nothing is sent."""
    return Done(output=set_only(message=config.message, level=config.level, data=config.data))


NODE: Final = ActionType(
    name="log_event",
    label="Write it down",
    help="Writes a message into the record of the execution, and does nothing else.",
    config=LogEvent,
    example={"message": "{{ contact.name }} is warm", "level": "info", "data": {"opens": "{{ engagement.openCount }}"}},
    act=act,
)
