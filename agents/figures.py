"""How a shard stands, in numbers: for metrics, and for whoever asks whether it gets on. Values only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from streams.batching.host import TP


class ProgramFigures(NamedTuple):
    """What a shard's program keeps: timers, those of them that are due, how late the earliest is, failing systems."""

    timers: int = 0
    timers_due: int = 0
    late_ms: int = 0
    open_breakers: tuple[str, ...] = ()


class ShardFigures(NamedTuple):
    """A shard at work.

    `units` counts what was committed; `is_busy` says that a unit is being decided or committed; `holds` that it waits
    for an input that lags; `buffered` are inputs in memory; `rows` are those of each table.
    """

    number: int
    units: int = 0
    is_busy: bool = False
    holds: bool = False
    buffered: int = 0
    rows: Mapping[str, int] = {}
    kept: ProgramFigures = ProgramFigures()


def by_shard(counts: Mapping[TP, int]) -> Counter[int]:
    """Return what is counted of a shard's inputs together, by its number."""
    summed: Counter[int] = Counter()
    for partition, count in counts.items():
        summed[partition.partition] += count
    return summed
