"""Follows a log file and picks the lines that tell of an error, whatever wrote them."""

from __future__ import annotations

import re
from pathlib import Path

# Faust and Kafka's Java say ERROR, structlog says [error] or "level": "error", Python says Traceback.
ERROR = re.compile(r'\b(ERROR|CRITICAL|FATAL)\b|\[(error|critical)\s*\]|"level": ?"(error|critical)"|^Traceback ')


# A part in trouble can say the same thing a thousand times a second; a terminal, or a pipe nobody reads, can't take it.
MOST_LINES, WINDOW_SECONDS = 10, 10.0


class ErrorLines:
    """The lines of a log that tell of an error, each given once. Starts at the end of what is there already."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = log.stat().st_size if log.exists() else 0
        self._window_start = 0.0
        self._given = 0

    def read(self, now: float) -> list[str]:
        """Return those written since the last call, ten in ten seconds at most; the last says where the others are."""
        lines = self._fresh()
        if now - self._window_start >= WINDOW_SECONDS:
            self._window_start, self._given = now, 0
        room = MOST_LINES - self._given
        self._given += len(lines)
        if len(lines) <= room:
            return lines
        return [*lines[:room], f"… more of them in {self._log}"] if room > 0 else []

    def _fresh(self) -> list[str]:
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
