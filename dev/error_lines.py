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
        self._life = self._offset
        self._window_start = 0.0
        self._given = 0

    def read(self, now: float) -> list[str]:
        """Return those written since the last call, ten in ten seconds at most; the last says where the others are."""
        lines = [line for line in self._fresh() if ERROR.search(line)]
        if now - self._window_start >= WINDOW_SECONDS:
            self._window_start, self._given = now, 0
        room = MOST_LINES - self._given
        self._given += len(lines)
        if len(lines) <= room:
            return lines
        return [*lines[:room], f"… more of them in {self._log}"] if room > 0 else []

    def last_words(self, count: int) -> list[str]:
        """Return the last lines of all kinds since its last words before, or since this began; at most so many."""
        fresh, self._life = self._since(self._life)
        return fresh[-count:]

    def _fresh(self) -> list[str]:
        lines, self._offset = self._since(self._offset)
        return lines

    def _since(self, offset: int) -> tuple[list[str], int]:
        """Return the whole lines behind an offset, and the offset behind those."""
        try:
            with self._log.open("rb") as file:
                if file.seek(0, 2) < offset:  # a new file took its place
                    offset = 0
                file.seek(offset)
                fresh = file.read()
        except FileNotFoundError:
            return [], offset
        whole, newline, _ = fresh.rpartition(b"\n")
        return whole.decode("utf-8", "replace").splitlines(), offset + len(whole) + len(newline)
