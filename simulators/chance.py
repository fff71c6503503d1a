"""Dice without a state: the same seed and words give the same throw, in whatever order they are asked.

So what a simulated person does depends on who it is and what reached it, not on how Kafka cut the batches.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

Item = TypeVar("Item")
Word = str | int

_SIZE = 7
_RANGE = float(1 << (8 * _SIZE))
# How far delays spread around their median: one in twenty takes six times as long.
_SPREAD = 0.6
_LONGEST = 12.0


class Chance:
    """Throws of one seed. Every throw is named by words; other words give an independent throw."""

    def __init__(self, seed: int) -> None:
        self._key = blake2b(str(seed).encode(), digest_size=16).digest()

    def unit(self, *words: Word) -> float:
        """Return a number from 0 up to, and without, 1."""
        text = json.dumps(words, separators=(",", ":"))
        # 56 bits: a float holds them exactly, so the result can't round up to 1.
        return int.from_bytes(blake2b(text.encode(), digest_size=_SIZE, key=self._key).digest()) / _RANGE

    def happens(self, probability: float, *words: Word) -> bool:
        """Say whether something of this probability (0 … 1) happens."""
        return self.unit(*words) < probability

    def pick(self, items: Sequence[Item], *words: Word) -> Item:
        """Return one of the items, all equally likely."""
        return items[int(self.unit(*words) * len(items))]

    def weighted(self, items: Sequence[tuple[float, Item]], *words: Word) -> Item:
        """Return one of the items, each as likely as its weight says."""
        left = self.unit(*words) * sum(weight for weight, _ in items)
        for weight, item in items:
            left -= weight
            if left < 0:
                return item
        return items[-1][1]

    def seconds(self, median: float, *words: Word) -> float:
        """Return how long something takes people: half of them less than `median` seconds, few much longer."""
        unit = self.unit(*words)
        return float(median * min(_LONGEST, (unit / (1.0 - unit)) ** _SPREAD))
