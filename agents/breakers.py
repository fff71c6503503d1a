"""Puts off the next attempts at commands of a system that only fails (product.md section 2, Commands and answers).

It lengthens pauses and does nothing else: no attempt is left out, none is made after its step's time is over, and what
an answer means is the engine's business. Nothing of this outlives a restart, and nothing needs to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from engine.chance import fraction
from engine.due import Timer

OPENS_AFTER: Final = 5
"""So many failures in a row, and no success between them, open the breaker of a system."""
FIRST_SECONDS: Final = 15.0
MOST_SECONDS: Final = 300.0
"""How long an attempt is put off: at first, and at most. Each failure more doubles it."""


class Breakers:
    """The breakers of one shard, one for each system.

    Args:
        time_scale: MAL_TIME_SCALE, which shortens these pauses like all others.
    """

    __slots__ = ("_failures", "_put_off", "_time_scale")

    def __init__(self, time_scale: float) -> None:
        self._time_scale = time_scale
        self._failures: Counter[str] = Counter()
        self._put_off: set[Timer] = set()

    def note(self, system: str, *, succeeded: bool) -> bool:
        """Note an answer of a system; say whether that opened its breaker or closed it."""
        was_open = self.is_open(system)
        if succeeded:
            self._failures.pop(system, None)
        else:
            self._failures[system] += 1
        return self.is_open(system) != was_open

    def is_open(self, system: str) -> bool:
        """Whether a system only fails."""
        return self._failures[system] >= OPENS_AFTER

    def open_systems(self) -> Iterator[str]:
        """Yield the systems that only fail."""
        return filter(self.is_open, tuple(self._failures))

    @property
    def are_closed(self) -> bool:
        """Whether no system only fails, so that there is nothing to put off."""
        return not self._put_off and not any(map(self.is_open, self._failures))

    def put_off(self, timer: Timer, attempt: tuple[str, int] | None, now_ms: int) -> Timer | None:
        """Return a later timer for the next attempt at a command, or None where this one is to be fired now.

        Each attempt is put off once at most, so that some always show whether the system is back.

        Args:
            timer: that is due.
            attempt: the system it goes to, and when the time of its step is over; None where it is of something else.
            now_ms: log time.
        """
        if timer in self._put_off:
            self._put_off.remove(timer)
            return None
        if attempt is None or not self.is_open(attempt[0]):
            return None
        system, deadline_ms = attempt
        doubled: float = FIRST_SECONDS * 2 ** min(self._failures[system] - OPENS_AFTER, 10)
        full_ms = min(doubled, MOST_SECONDS) * 1000 / self._time_scale
        # Between half and all of it, by a hash: what waited together does not come together.
        pause_ms = round(full_ms * (1 + fraction("breaker", timer.execution, timer.node_id, now_ms)) / 2)
        later = timer._replace(due_ms=min(now_ms + max(pause_ms, 1), deadline_ms))
        if later.due_ms <= now_ms:
            return None
        self._put_off.add(later)
        return later
