"""Cron expressions: the one module that names the library. Five fields, in a time zone, right over clock changes.

A fixed time that the clocks jump over is taken at the jump; one that comes twice is taken once.
"""

from __future__ import annotations

from functools import lru_cache

from cronsim import CronSim, CronSimError

from engine.zones import Zone

_FIELDS = 5
_SOME_DAY_MS = 1_767_225_600_000
"""2026-01-01: from here on an expression is tried."""


class CronError(ValueError):
    """A text is no cron expression, or none that ever comes."""


def check_cron(text: str, zone: Zone) -> None:
    """Check an expression.

    Raises:
        CronError: it cannot be read, or no moment fits it.
    """
    if len(text.split()) != _FIELDS:
        raise CronError(f"{text!r} has {len(text.split())} fields, not minute hour day month weekday, like 0 9 * * MON")
    try:
        found = next_moment(text, zone, _SOME_DAY_MS)
    except (CronSimError, AssertionError) as error:
        raise CronError(f"{text!r} is no cron expression ({error}); write it like 0 9 * * MON") from error
    if found is None:
        raise CronError(f"{text!r} never comes")


@lru_cache(maxsize=4_096)
def next_moment(text: str, zone: Zone, after_ms: int) -> int | None:
    """Return the first moment after another that fits an expression; None where there is none for fifty years."""
    try:
        return round(next(CronSim(text, zone.aware(after_ms))).timestamp() * 1000)
    except StopIteration:
        return None
