"""Where the decisions of a shard go, and where the input that they answer lies in the log.

Ports only: what a decision becomes on the wire is the shell's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from engine.due import Timer
from engine.events import Event
from engine.inputs import SubFlow
from engine.run import Run
from engine.types import Json, Subject


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input lies in the log; None of it for a timer."""

    topic: str
    partition: int
    offset: int

    def wire(self) -> dict[str, Json]:
        """Return the wire shape `input`."""
        return {"topic": self.topic, "partition": self.partition, "offset": self.offset}


class Sink(Protocol):
    """Where decisions go. The shell turns them into records; a test keeps them in lists."""

    def command(self, run: Run, command: Any) -> None:
        """A command to a TAP system."""

    def record(self, subject: Subject | None, record: dict[str, Json]) -> None:
        """A record of `mal.executions`."""

    def fact(self, entity: Subject, event: Event) -> None:
        """An event tells a fact of another entity: it goes to that entity's shard."""

    def sub_flow(self, child: SubFlow) -> None:
        """A flow that another starts and does not wait for: it comes back as a manual trigger."""

    def broadcast(self, key: str, row: dict[str, Json]) -> None:
        """The facts of a campaign, release or user, for every shard."""

    def timer(self, run: Run | None, timer: Timer) -> None:
        """Something is to be looked at later: an execution, or, without one, a schedule."""
