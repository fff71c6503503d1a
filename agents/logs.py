"""How a process of ours logs: one line an entry, on stderr, with time, level and where it comes from."""

from __future__ import annotations

import logging
import time
from typing import Final

FORMAT: Final = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"
TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%S"
LIBRARIES: Final = ("aiokafka", "asyncio", "faust", "kafka", "mode")
"""They tell of every fetch and rejoin; only what they warn of is worth a line."""


def configure_logging(level: str) -> None:
    """Send the log to stderr, in UTC.

    Args:
        level: DEBUG, INFO, WARNING or ERROR, for what is ours; libraries log warnings and errors, whatever it is.
    """
    handler = logging.StreamHandler()
    formatter = logging.Formatter(FORMAT, TIME_FORMAT)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
