"""How people give a moment: an RFC 3339 time, or how long ago (`7d`, `12h`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.wire import parse_rfc3339

AGO = re.compile(r"(\d{1,6})\s*([smhdw])(?:\s+ago)?")
FRACTION = re.compile(r"\.\d+")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime:
    """Read a moment.

    Args:
        text: `2026-11-01T10:30:00Z`, or a number and one of s m h d w, like `7d` or `12h ago`.
        now: what "ago" counts from.

    Raises:
        ValueError: it is neither; the message says what is.
    """
    if found := AGO.fullmatch(text.strip()):
        try:
            return now - timedelta(**{UNITS[found[2]]: int(found[1])})
        except OverflowError:
            raise ValueError(f"{text!r} is further back than the calendar goes") from None
    try:
        return datetime.fromtimestamp(parse_rfc3339(text) / 1000, UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time; write RFC 3339 like 2026-11-01T10:30:00Z, or how long ago, like 7d or 12h"
        ) from None


def whole_seconds(time: str | None) -> str:
    """Write an RFC 3339 time without the fraction of its second."""
    return FRACTION.sub("", time or "")
