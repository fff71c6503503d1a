"""When a wait is over, on the shard's clock (product.md section 2, Time). Knows no node and no run."""

from __future__ import annotations

from typing import Final

from engine.inputs import Moment
from engine.types import Json
from engine.wire import LAST_MS, rfc3339

LATE_MS: Final = 60_000
"""A wait whose node is decided later than this counts from the wall clock, so that an outage makes no herd."""

SHORTEST_LOOP_WAIT_MS: Final = 1_000
"""A wait reached by a back edge takes at least this long."""


def after(seconds: float, moment: Moment, time_scale: float) -> tuple[int, dict[str, Json]]:
    """Return when a configured duration is over, and notes of what it counts from where that is not plain."""
    notes: dict[str, Json] = {}
    base_ms = moment.now_ms
    if moment.wall_ms - base_ms > LATE_MS:
        base_ms = moment.wall_ms
        notes["countedFrom"] = rfc3339(base_ms)
    if time_scale != 1:
        notes["timeScale"] = time_scale
    return base_ms + round(seconds * 1000 / time_scale), notes


def next_attempt(seconds: float, moment: Moment, time_scale: float) -> int:
    """Return when the pause after a failed attempt is over: never in the same millisecond."""
    until_ms, _notes = after(seconds, moment, time_scale)
    return bounded(max(until_ms, moment.now_ms + 1), 1, moment)


def bounded(until_ms: int, visit: int, moment: Moment) -> int:
    """Return the end of a wait within what may be: not too soon in a loop, and a time that can be written."""
    if visit > 1:
        until_ms = max(until_ms, moment.now_ms + SHORTEST_LOOP_WAIT_MS)
    return min(until_ms, LAST_MS)  # a small MAL_TIME_SCALE could lead beyond what can be written
