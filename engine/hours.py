"""When messages may be sent: quiet hours and send windows on the clocks of a real zone, also on days they are set.

Whether a moment is open depends on what the clocks show then, and on nothing else. So the hour that comes twice in
autumn is quiet twice or not at all, and quiet hours that end within the hour left out in spring end with the jump.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from engine.message_rules import WEEKDAYS, MessageRules, QuietHours, SendWindow, minute_of
from engine.zones import Zone

Closed = Literal["quiet_hours", "send_window"]
_DAYS_AHEAD: Final = 8
"""A window may open once a week."""
_DAY_MS: Final = 86_400_000


def closed_by(rules: MessageRules, zone: Zone, at_ms: int) -> Closed | None:
    """Return what keeps a message from being sent at a moment, or None."""
    if rules.quiet_hours is None and rules.send_window is None:
        return None
    local = zone.local(at_ms)
    if rules.quiet_hours is not None and _is_quiet(rules.quiet_hours, local):
        return "quiet_hours"
    if rules.send_window is not None and not _is_in_window(rules.send_window, local):
        return "send_window"
    return None


def is_open(rules: Sequence[MessageRules], zone: Zone, at_ms: int) -> bool:
    """Whether nothing of several rules keeps a message from being sent at a moment."""
    return all(closed_by(one, zone, at_ms) is None for one in rules)


def next_open(rules: Sequence[MessageRules], zone: Zone, after_ms: int) -> int | None:
    """Return the first moment, not before a given one, at which a message may be sent; None where there is none."""
    if is_open(rules, zone, after_ms):
        return after_ms
    return next((at_ms for at_ms in _openings(rules, zone, after_ms) if is_open(rules, zone, at_ms)), None)


def _openings(rules: Sequence[MessageRules], zone: Zone, after_ms: int) -> Iterator[int]:
    """Yield, in order, every moment at which a rule may open: where its hours say so, and where clocks are set."""
    minutes = {minute_of(one.quiet_hours.to) for one in rules if one.quiet_hours is not None}
    minutes |= {minute_of(one.send_window.from_) for one in rules if one.send_window is not None}
    midnight = zone.local(after_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    found = {
        at_ms
        for day in range(_DAYS_AHEAD + 1)
        for minute in minutes
        for at_ms in zone.moments_of(midnight + timedelta(days=day, minutes=minute))
    }
    found.update(zone.jumps(after_ms, after_ms + _DAYS_AHEAD * _DAY_MS))
    yield from sorted(at_ms for at_ms in found if at_ms > after_ms)


def _is_quiet(hours: QuietHours, local: datetime) -> bool:
    start, end, minute = minute_of(hours.from_), minute_of(hours.to), local.hour * 60 + local.minute
    return start <= minute < end if start < end else minute >= start or minute < end


def _is_in_window(window: SendWindow, local: datetime) -> bool:
    start, end, minute = minute_of(window.from_), minute_of(window.to), local.hour * 60 + local.minute
    today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
    if start < end:
        return today in window.weekdays and start <= minute < end
    return (today in window.weekdays and minute >= start) or (yesterday in window.weekdays and minute < end)
