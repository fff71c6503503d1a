"""How rough a run is: how long things take, what goes wrong, and how often, drawn from the seed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from aiokafka.errors import KafkaConnectionError, KafkaError, RequestTimedOutError


@dataclass
class Weather:
    """The weather of a run. `is_calm` is set when everything is to settle: nothing goes wrong from then on."""

    random: Random
    disorder: float
    """How often the scheduler does not take what waits longest."""
    crash: float
    """The chance that a process ends, at each step of it."""
    error: float
    """The chance that a request fails: half of them before it had its effect, half of them after."""
    stall: float
    """The chance that a request takes seconds."""
    usual: float = 0.02
    """The most seconds that a request usually takes."""
    is_calm: bool = False

    @classmethod
    def drawn(cls, random: Random) -> Weather:
        """Draw one: each kind of trouble is absent from some runs, so that the rest is seen alone."""
        return cls(
            random,
            disorder=random.choice((0.0, 0.2, 1.0)),
            crash=random.choice((0.0, 0.0005, 0.002, 0.006)),
            error=random.choice((0.0, 0.0, 0.01, 0.04)),
            stall=random.choice((0.0, 0.01, 0.04)),
        )

    def crashes(self) -> bool:
        """Whether a process ends at this step."""
        return not self.is_calm and self.crash > 0 and self.random.random() < self.crash

    def seconds(self) -> float:
        """Return how long a request takes to arrive, or its answer to come back."""
        random = self.random
        dice = random.random()
        if dice < 0.4:
            return 0.0
        if not self.is_calm and dice > 1 - self.stall:
            return random.choice((0.3, 1.5, 6.0, 20.0, 40.0)) * random.random()
        return self.usual * random.random()

    async def travel(self) -> None:
        """Wait for as long as a message is on its way, which may be no time at all."""
        await asyncio.sleep(self.seconds())

    async def dawdle(self) -> None:
        """Wait for as long as a busy process leaves something in a queue of its own."""
        dice = self.random.random()
        if not self.is_calm and dice < 2 * self.stall:
            await asyncio.sleep(3 * self.random.random())
        elif dice > 0.7:
            await self.travel()

    def trouble(self) -> None:
        """Fail now and then.

        Raises:
            KafkaError: of a kind that the client gives up on.
        """
        if not self.is_calm and self.error > 0 and self.random.random() < self.error / 2:
            kinds: list[type[KafkaError]] = [KafkaConnectionError, RequestTimedOutError]
            raise self.random.choice(kinds)("simulated")
