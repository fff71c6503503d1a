"""JSON on the wire is camelCase, Python is snake_case: the one alias generator, and the base of every wire model."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

FIRST_MS: Final = -62_135_596_800_000
LAST_MS: Final = 253_402_300_799_999
"""The first and the last millisecond of the years 1 to 9999: no other time can be written."""

_DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1)


class Wire(BaseModel):
    """A frozen value with a camelCase JSON shape; unknown keys are errors."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, frozen=True, extra="forbid"
    )

    def wire(self) -> dict[str, Any]:
        """Return the JSON shape, with every key."""
        return self.model_dump(mode="json", by_alias=True)

    def __getitem__(self, key: str) -> Any:
        """Return the JSON value under a wire name, so that a model reads like the object it stands for.

        Raises:
            KeyError: no such wire name.
        """
        return self.wire()[key]

    def __contains__(self, key: object) -> bool:
        """Whether the JSON shape has this name."""
        return key in self.wire()

    def get(self, key: str, default: Any = None) -> Any:
        """Return the JSON value under a wire name, else the default."""
        return self.wire().get(key, default)


def rfc3339(timestamp_ms: int) -> str:
    """Write milliseconds since the epoch as RFC 3339 in UTC with `Z`; whole seconds carry no fraction.

    Raises:
        OverflowError: it lies outside the years 1 to 9999.
    """
    # Written by hand: every step writes several, and datetime takes ten times as long.
    day, of_day_ms = divmod(timestamp_ms, _DAY_MS)
    of_day, millis = divmod(of_day_ms, 1000)
    minutes, second = divmod(of_day, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{millis:03}" if millis else ""
    return f"{_date(day)}T{hour:02}:{minute:02}:{second:02}{fraction}Z"


@lru_cache(maxsize=1_024)
def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()


def parse_rfc3339(text: str) -> int:
    """Read an RFC 3339 time and return milliseconds since the epoch.

    Raises:
        ValueError: not such a time, one without an offset, or one that cannot be written in UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset; write it like 2026-11-01T10:30:00Z")
    timestamp_ms = round(moment.timestamp() * 1000)
    if not FIRST_MS <= timestamp_ms <= LAST_MS:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999 in UTC")
    return timestamp_ms
