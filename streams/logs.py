"""How a process of ours logs: one line an entry, on stderr, with time, level and where it comes from."""

from __future__ import annotations

import logging
import time
from typing import Final

FORMAT: Final = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"
TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%S"
LIBRARIES: Final = ("aiokafka", "asyncio", "faust", "kafka", "mode", "streams.batching")
"""They tell of every fetch and rejoin, as do the services of Faust that we extend; only warnings are worth a line."""
PASSING: Final = ("GroupCoordinatorNotAvailableError", "GroupLoadInProgressError", "NotLeaderForPartitionError")
"""What a broker answers while it starts or a topic is new. aiokafka logs it as an error and asks again a moment later;
where it does not pass, whoever waits for it gives up and says so."""
REPEATED_SECONDS: Final = 10.0
"""While a broker is away aiokafka tries again, and says so, up to a hundred times a second and client."""
_MOST_TEXTS: Final = 1_000


class Repeats(logging.Filter):
    """Lets the same line of a library through once in ten seconds, with how many there were like it."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        """Logger and text → when it was said last, and how often it was not since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is let through."""
        if not record.name.startswith(LIBRARIES):
            return True
        line = record.name, record.getMessage()
        said_at, held_back = self._said.get(line, (0.0, 0))
        if 0 <= record.created - said_at < REPEATED_SECONDS:
            self._said[line] = said_at, held_back + 1
            return False
        if len(self._said) >= _MOST_TEXTS:
            self._said.clear()
        self._said[line] = record.created, 0
        if held_back:
            record.msg, record.args = f"{line[1]} (and {held_back} times more since)", None
        return True


def configure_logging(level: str) -> None:
    """Send the log to stderr, in UTC.

    Args:
        level: DEBUG, INFO, WARNING or ERROR, for what is ours; libraries log warnings and errors, whatever it is.
    """
    handler = logging.StreamHandler()
    formatter = logging.Formatter(FORMAT, TIME_FORMAT)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(_is_no_passing_trouble)
    handler.addFilter(Repeats())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


def _is_no_passing_trouble(record: logging.LogRecord) -> bool:
    return not (record.name.startswith("aiokafka") and any(word in record.getMessage() for word in PASSING))
