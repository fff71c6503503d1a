"""How a run stands at its end: what a verdict is found from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.matching import Index
from streams.batching.table import TablePart
from tests.simulation.group import Group
from tests.simulation.log import Log
from tests.simulation.tape import Tape
from tests.simulation.world import World


@dataclass(frozen=True)
class Ending:
    """How a run stands at its end. `views` are what there was to know of
    the flows, `tables` what the workers hold of each shard; `is_once`, what they promised."""

    log: Log
    tape: Tape
    group: Group
    world: World
    views: Sequence[Index]
    tables: Mapping[int, Mapping[str, TablePart]]
    is_once: bool

    def records(self, topic: str, shard: int) -> list[Any]:
        """Return what is committed in a partition."""
        return [entry.record for entry in self.log.partition((topic, shard)).entries if entry.is_committed]
