"""Writes down what each shard of each worker decided, in its order: what a verdict is found from.

A pass is what was decided between two takes. It says nothing of whether that was committed: the log does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agents.program import FlowProgram
from agents.tally import Tally
from agents.worldview import BroadcastEntities
from engine.due import Timer
from streams.unit import Unit
from tests.simulation.clients import NOTE
from tests.simulation.editors import KnownFlows
from tests.simulation.log import Place
from tests.simulation.scene import SHARDS, TIME_SCALE


@dataclass(frozen=True, slots=True)
class Decided:
    """One input: a record, or a timer; with the shard's clock and the wall's.

    `seen_ms`: the latest that the wall's clock was in any look since the last unit; a shard's clock goes with it though
    nothing is decided, and so may be ahead of what was committed.
    """

    record: Any | None
    timer: Timer | None
    now_ms: int
    wall_ms: int
    seen_ms: int


@dataclass(eq=False)
class Pass:
    """What one take holds, and which view of the flows it was decided by."""

    shard: int
    steps: list[Decided]
    view: int


@dataclass
class Tape:
    """Of one run."""

    without_effect: dict[tuple[Place, int], tuple[Decided, int]] = field(default_factory=dict)
    """What was decided in a pass that had nothing to commit, the last time, and by which view; by its place."""


class TapedProgram(FlowProgram):
    """A program that is written down."""

    def __init__(self, number: int, flows: KnownFlows, wall_ms: Callable[[], int], tape: Tape) -> None:
        super().__init__(
            number,
            SHARDS,
            flows,
            BroadcastEntities(),
            wall_ms,
            time_scale=TIME_SCALE,
            all_facts=False,
            tally=Tally(),
        )
        self._known = flows
        self._tape = tape
        self._number = number
        self._wall = wall_ms
        self._steps: list[Decided] = []
        self._seen_ms = 0
        self.last: Pass | None = None
        """What was taken last to be committed."""

    def next_due_ms(self) -> int | None:
        self._seen_ms = max(self._seen_ms, self._wall())  # a shard asks in each look, after it has read the clock
        return super().next_due_ms()

    def decide(self, record: Any, now_ms: int) -> None:
        self._steps.append(Decided(record, None, now_ms, self._wall(), self._seen_ms))
        super().decide(record, now_ms)

    def fire(self, now_ms: int) -> None:
        self._due.next_due_ms()
        self._steps.append(Decided(None, self._due._near[0], now_ms, self._wall(), self._seen_ms))
        super().fire(now_ms)

    def take(self) -> Unit:
        unit = super().take()
        steps, self._steps = self._steps, []
        if unit:
            self._seen_ms = 0  # what the clock is now is committed with the unit
            self.last = Pass(self._number, steps, self._known.view)
            NOTE.set(self.last)  # whatever this shard begins to commit now is this
        else:
            for step in steps:
                if (record := step.record) is not None:
                    self._tape.without_effect[(record.topic, record.partition), record.offset] = step, self._known.view
        return unit
