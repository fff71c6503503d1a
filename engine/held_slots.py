"""The slots that a pause of their flow holds: as many as there are, in a row that stays small.

Slots of one schedule that follow each other are a span of it: its ends, and the cron expression that gives what lies
between. A pause of years is one span. Slots of a countdown have no rule; of those the ones are kept at which a release
still has its day. Pure, over the JSON in the row.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from engine.cron import next_moment
from engine.nodes.triggers.schedule import Schedule
from engine.types import Json
from engine.zones import UTC_ZONE, zone_named

Held = list[Json]
"""What is held, the oldest first: a slot, a span [first, last, cron, time zone], or the slot [at] of a countdown."""

_SPAN: Final = 4


def first(held: Held) -> int:
    """Return the slot that is held longest."""
    one = held[0]
    at_ms: int = one[0] if isinstance(one, list) else one
    return at_ms


def without_first(held: Held) -> Held:
    """Return what is held once the first slot is taken."""
    one, *more = held
    if not isinstance(one, list) or len(one) != _SPAN:
        return more
    at_ms, last_ms, cron, timezone = one
    later_ms = next_after(cron, timezone, at_ms)
    if later_ms is None or later_ms > last_ms:  # of the last one, or where the rules of its time zone have changed
        return more
    return [[later_ms, last_ms, cron, timezone], *more]


def with_slot(held: Held, schedule: Schedule, at_ms: int) -> Held:
    """Return what is held with one more slot of a schedule."""
    cron, timezone = schedule.cron, schedule.timezone
    if held and isinstance(held[-1], list) and held[-1][2:] == [cron, timezone]:
        since_ms, last_ms, *_rule = held[-1]
        if next_after(cron, timezone, last_ms) == at_ms:
            return [*held[:-1], [since_ms, at_ms, cron, timezone]]
    return [*held, [at_ms, at_ms, cron, timezone]]


def with_countdown(held: Held, at_ms: int, moments: Collection[int]) -> Held:
    """Return what is held with one more slot of a countdown.

    Args:
        held: before.
        at_ms: the slot.
        moments: at which a release has its day, by the dates of now. At another nothing would start on resume.
    """
    kept = [one for one in held if not isinstance(one, list) or len(one) == _SPAN or one[0] in moments]
    return [*kept, [at_ms]]


def next_after(cron: str, timezone: str, after_ms: int) -> int | None:
    """Return the first slot of a cron expression after a moment."""
    return next_moment(cron, zone_named(timezone) or UTC_ZONE, after_ms)
