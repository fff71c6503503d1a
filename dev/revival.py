"""Starts again what died: at once the first time, then after growing pauses. Time is an argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dev.errors import ServiceError

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0
# One that ran this long before it died is not in a loop of dying: it is started again at once.
HEALTHY_SECONDS = 30.0


class Mortal(Protocol):
    """What can die and be started again."""

    name: str

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""

    def start(self) -> None:
        """Start it."""

    def stop(self) -> None:
        """Let go of what is left of it."""


class Revival:
    """Watches over one mortal. `deaths` counts those since it last ran for a while."""

    def __init__(self, mortal: Mortal, say: Callable[[str], None], started_at: float) -> None:
        self.deaths = 0
        self._mortal = mortal
        self._say = say
        self._started_at = started_at
        self._start_at: float | None = None

    def look(self, now: float) -> bool:
        """Look after it at `now` (monotonic seconds); say whether it was found dead just now."""
        if self._start_at is not None:
            if now >= self._start_at:
                self._start(now)
            return False
        code = self._mortal.poll()
        if code is None:
            return False
        self._bury(now, f"ended with exit code {code}")
        return True

    def _start(self, now: float) -> None:
        self._start_at, self._started_at = None, now
        try:
            self._mortal.start()
        except ServiceError as error:
            self._bury(now, f"could not be started ({error.problem})")

    def _bury(self, now: float, what: str) -> None:
        self._mortal.stop()
        self.deaths = 1 if now - self._started_at > HEALTHY_SECONDS else self.deaths + 1
        pause = 0.0 if self.deaths == 1 else min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (self.deaths - 2))
        self._start_at = now + pause
        self._say(f"{self._mortal.name} {what}; it is started again" + (f" in {pause:g} s" if pause else ""))
