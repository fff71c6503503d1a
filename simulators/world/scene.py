"""Where one story plays: its number, its dice, its moment; and the writing of its events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.wire import rfc3339
from simulators.chance import Chance, Word
from simulators.events import by_people
from simulators.values import Json, Moment, Owner, Publication
from simulators.world.population import Population

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Scene:
    """One story of the world. `run` keeps the ids of two runs of a seed apart; it changes nothing else."""

    number: int
    run: str
    chance: Chance
    population: Population
    now: Moment

    def event(
        self, kind: str, source: str, owner: Owner, after_seconds: float = 0.0, /, **payload: Json
    ) -> Publication:
        """Make an event of this story, `after_seconds` of people's time from now."""
        at_ms = self.now.after(after_seconds)
        words = (self.run, self.number, round(after_seconds))
        return by_people(kind, source, payload, owner, at_ms=at_ms, words=words)

    def time(self, after_seconds: float = 0.0) -> str:
        """Return a time of this story, for a payload."""
        return rfc3339(self.now.after(after_seconds))

    def name(self, kind: str) -> str:
        """Return an id that no other story uses."""
        return f"{kind}_{self.run}_{self.number}"

    def pick(self, items: Sequence[Item], *words: Word) -> Item:
        """Return one of the items."""
        return self.chance.pick(items, self.number, *words)

    def happens(self, probability: float, *words: Word) -> bool:
        """Say whether something of this probability happens in this story."""
        return self.chance.happens(probability, self.number, *words)

    def seconds(self, median: float, *words: Word) -> float:
        """Return how long something takes people in this story."""
        return self.chance.seconds(median, self.number, *words)
