"""The world generator: story by story, a plausible mix of events of all six systems.

A story depends on the seed and its number alone, so the same seed tells the same stories in the same order. The
Campaign Tracker's figures are not told here: the tracker counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from simulators.chance import Chance
from simulators.values import Moment, Publication
from simulators.world import campaigns, contacts, releases
from simulators.world.population import Population
from simulators.world.scene import Scene

Story = Callable[[Scene], tuple[Publication, ...]]

STORIES: tuple[tuple[float, Story], ...] = (
    (50.0, contacts.mail),
    (6.0, contacts.reply),
    (6.0, contacts.added),
    (6.0, contacts.tagged),
    (8.0, contacts.moved),
    (5.0, contacts.known),
    (3.0, campaigns.created),
    (5.0, campaigns.moved_on),
    (4.0, campaigns.learned),
    (1.5, releases.countdown),
    (5.0, releases.uploaded),
)
"""How often each story is told, and what it tells."""

REPEATS = 0.005
"""The share of events that are delivered twice, with the same id, as systems do."""


class World:
    """People at work in the TAP systems.

    Args:
        seed: decides everything that happens.
        population: who and what there is.
        run: a word that keeps the ids of this run apart from those of others; the same word gives the same ids.
    """

    def __init__(self, seed: int, population: Population, run: str) -> None:
        self.population = population
        self.chance = Chance(seed)
        self._run = run
        self._told = 0

    def next_story(self, now: Moment) -> tuple[Publication, ...]:
        """Tell the next story: at least one event, the first of them now."""
        self._told += 1
        scene = Scene(self._told, self._run, self.chance, self.population, now)
        events = self.chance.weighted(STORIES, "story", self._told)(scene)
        if self.chance.happens(REPEATS, "repeat", self._told):
            return (*events, again(events[0], now.after(60.0)))
        return events

    def stories(self, now: Callable[[], Moment], events: int) -> Iterator[tuple[Publication, ...]]:
        """Tell stories until they hold so many events in all; the last one is cut short where need be."""
        left = events
        while left > 0:
            story = self.next_story(now())[:left]
            left -= len(story)
            yield story


def again(publication: Publication, due_ms: int) -> Publication:
    """Return the same event, delivered once more; its own time, written in it, stays as it was."""
    return replace(publication, due_ms=max(due_ms, publication.due_ms))
