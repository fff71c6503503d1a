"""The setting `messages`: how often and when people may be written to (product.md, Settings and options). Values only.

A flow has it, and the limits of a user or workspace have it for all their flows.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from engine.setting_models import Setting
from engine.zones import zone_named

MOST_SECONDS: Final = 366 * 86_400
"""The longest window of a cap, and so how long it is kept when a message was sent."""
MOST_MESSAGES: Final = 500
"""The highest cap, and so how many messages of a flow are remembered."""
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
OnHeld = Literal["defer", "skip", "exit"]


def _time_of_day(text: str) -> str:
    hour, colon, minute = text.partition(":")
    parts = (hour, minute)
    is_time = colon and all(len(part) == 2 and part.isascii() and part.isdigit() for part in parts)
    if not is_time or int(hour) > 23 or int(minute) > 59:
        raise ValueError("write a time of day from 00:00 to 23:59")
    return text


TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]


def minute_of(time_of_day: str) -> int:
    """Return a time of day as minutes since midnight."""
    return int(time_of_day[:2]) * 60 + int(time_of_day[3:])


class QuietHours(Setting):
    """When nothing is sent, each day; over midnight where `from` is later than `to`."""

    from_: TimeOfDay = Field(default="21:00", alias="from")
    to: TimeOfDay = "08:00"

    @model_validator(mode="after")
    def _is_a_part_of_the_day(self) -> Self:
        if self.from_ == self.to:
            raise ValueError(f"from and to are both {self.to}; nothing could ever be sent")
        return self


class SendWindow(Setting):
    """When messages may be sent; one over midnight belongs to the weekday on which it begins."""

    from_: TimeOfDay = Field(default="09:00", alias="from")
    to: TimeOfDay = "17:00"
    weekdays: tuple[Weekday, ...] = Field(default=("mon", "tue", "wed", "thu", "fri"), strict=False)

    @model_validator(mode="after")
    def _is_a_part_of_the_day(self) -> Self:
        if self.from_ == self.to:
            raise ValueError(f"from and to are both {self.to}; leave a window that is always open out")
        if not self.weekdays:
            raise ValueError("weekdays is empty, so it would never open; name a day, or leave it out")
        return self


class Cap(Setting):
    """At most so many messages within a window that rolls, or within a day, week or month of the calendar."""

    most: int = Field(default=3, alias="max", ge=1, le=MOST_MESSAGES)
    window_seconds: float | None = Field(
        default=None, alias="windowSeconds", gt=0, le=MOST_SECONDS, allow_inf_nan=False
    )
    calendar: Literal["day", "week", "month"] | None = None
    scope: Literal["flow", "all"] = "flow"

    @model_validator(mode="after")
    def _has_one_window(self) -> Self:
        if self.window_seconds is not None and self.calendar is not None:
            raise ValueError("windowSeconds and calendar are both set; use one of them")
        return self

    @property
    def rolling_seconds(self) -> float:
        """The window that rolls, where there is no calendar; a week unless it is set."""
        return 604_800 if self.window_seconds is None else self.window_seconds


class MessageRules(Setting):
    """The setting `messages`."""

    caps: tuple[Cap, ...] = Field(default=(), strict=False, max_length=10)
    timezone: str | None = None
    quiet_hours: QuietHours | None = Field(default=None, alias="quietHours")
    send_window: SendWindow | None = Field(default=None, alias="sendWindow")
    on_held: OnHeld = Field(default="defer", alias="onHeld")
    expire_after_seconds: float = Field(
        default=259_200, alias="expireAfterSeconds", ge=0, le=MOST_SECONDS, allow_inf_nan=False
    )

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str | None) -> str | None:
        if name is not None and zone_named(name) is None:
            raise ValueError("this is no time zone; write a name such as Europe/Berlin")
        return name
