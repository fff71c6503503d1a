"""What is to be published when: a queue by time. Knows no clock: the moment is an argument."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import count

from simulators.values import Publication


class Agenda:
    """Publications in the order of their times, equal times in the order they came."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, Publication]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, publications: Iterable[Publication]) -> None:
        """Note publications."""
        for publication in publications:
            heapq.heappush(self._queue, (publication.due_ms, next(self._numbers), publication))

    def take_due(self, now_ms: int) -> list[Publication]:
        """Return, and forget, what is due by now."""
        due: list[Publication] = []
        while self._queue and self._queue[0][0] <= now_ms:
            due.append(heapq.heappop(self._queue)[2])
        return due
