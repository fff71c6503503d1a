"""What is said, and how long is waited, while a service is away. Nothing of ours ends because of that."""

from __future__ import annotations

import logging
from typing import Final

import asyncpg

POSTGRES_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises when Postgres is away, starting, or refuses (a TimeoutError is an OSError). The last of them is
how it puts that Postgres shut down just when a statement was sent ("cannot switch to state 15")."""
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0


class Outage:
    """One line in the log when something fails, one when it works again, and longer pauses between tries.

    Args:
        log: where to say it.
        what: what does not go on meanwhile, as the beginning of a sentence.
    """

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._failures = 0
        self._pause_seconds = FIRST_PAUSE_SECONDS

    @property
    def is_on(self) -> bool:
        """Whether it has failed, and not worked since."""
        return self._failures > 0

    def failed(self, error: BaseException) -> float:
        """Take note of a failure, and return how many seconds to wait before the next try."""
        if not self._failures:
            why = str(error) or type(error).__name__
            self._log.warning("%s: %s; nothing is lost, it goes on by itself when that is over", self._what, why)
            self._pause_seconds = FIRST_PAUSE_SECONDS
        self._failures += 1
        pause_seconds = self._pause_seconds
        self._pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
        return pause_seconds

    def over(self) -> None:
        """Take note that it works."""
        if self._failures:
            self._log.info("%s: over after %d tries", self._what, self._failures)
            self._failures = 0
