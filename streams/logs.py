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
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


def _is_no_passing_trouble(record: logging.LogRecord) -> bool:
    return not (record.name.startswith("aiokafka") and any(word in record.getMessage() for word in PASSING))
