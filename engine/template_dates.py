"""How a template writes a time: the `date` filter, by the clock it is given. Knows no template engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from engine.json_values import is_number
from engine.nodes.fields import read_time
from engine.types import Json

MAX_PATTERN_CHARS: Final = 200
"""A directive may ask for any width, and the C library takes 256 times the pattern's length before it gives up."""


def format_date(value: Json, pattern: str, now_ms: int) -> str:
    """Write a time by a strftime pattern; what is no time is written as it is.

    A time with an offset keeps it; seconds since the epoch, dates and `%s` are UTC, wherever the worker stands.

    Args:
        value: an RFC 3339 time, a date, seconds since the epoch, or `now` and `today` for the time of the step.
        pattern: of strftime, such as `%d.%m.%Y`.
        now_ms: the time of the step, in milliseconds since the epoch.

    Raises:
        ValueError: the pattern or the time cannot be written.
        OverflowError: seconds beyond every calendar.
        OSError: the same, on some platforms.
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"a date pattern of {len(pattern)} characters; the most is {MAX_PATTERN_CHARS}")
    moment = _moment(value, now_ms)
    if moment is None:
        return str(value)
    return moment.strftime(pattern.replace("%s", str(int(moment.timestamp()))))


def _moment(value: Json, now_ms: int) -> datetime | None:
    if value in ("now", "today"):
        return datetime.fromtimestamp(now_ms / 1000, UTC)
    if is_number(value):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str) and value.isdecimal():
        return datetime.fromtimestamp(int(value), UTC)
    if read_time(value) is None:
        return None
    moment = datetime.fromisoformat(value.upper())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
