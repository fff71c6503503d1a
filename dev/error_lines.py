"""Follows a log file and picks the lines that tell of an error, whatever wrote them."""

from __future__ import annotations

import re
from pathlib import Path

# Faust and Kafka's Java say ERROR, structlog says [error] or "level": "error", Python says Traceback.
ERROR = re.compile(r'\b(ERROR|CRITICAL|FATAL)\b|\[(error|critical)\s*\]|"level": ?"(error|critical)"|^Traceback ')


class ErrorLines:
    """The lines of a log that tell of an error, each given once. Starts at the end of what is there already."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = log.stat().st_size if log.exists() else 0

    def read(self) -> list[str]:
        """Return those written since the last call."""
        try:
            with self._log.open("rb") as file:
                if file.seek(0, 2) < self._offset:  # a new file took its place
                    self._offset = 0
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            return []
        whole, newline, _ = fresh.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        return [line for line in whole.decode("utf-8", "replace").splitlines() if ERROR.search(line)]
