"""A consumer group in memory: who is in it, who owns which shards, and what it has committed.

As Kafka does it: a round begins when somebody joins, leaves or is missed; it waits for the members of before, for a
while; those that do not come are out, and learn of it late. What somebody who is out wants to commit is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Final

from streams.batching.host import TP
from tests.simulation.loop import Process

SESSION_SECONDS: Final = 3.0
"""So long nothing is heard of a member until it is missed."""
JOIN_SECONDS: Final = 4.0
"""So long a round waits for the members of before."""


@dataclass
class Assignment:
    """What a member gets in a round."""

    generation: int
    shards: frozenset[int]


@dataclass(eq=False)
class Member:
    """A worker's place in the group."""

    process: Process
    round_is_on: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is to come to the next round."""
    joining: asyncio.Future[Assignment] | None = None
    generation: int = -1


class Group:
    """The group.

    Args:
        random: draws who gets which shards.
        shards: how many there are.
        inputs: the topics that are read.
    """

    def __init__(self, random: Random, shards: int, inputs: Sequence[str]) -> None:
        self._random = random
        self._shards = shards
        self._inputs = inputs
        self._members: list[Member] = []
        self._is_on = False
        self._generation = 0
        self._committed: dict[TP, list[int]] = {}

    # ---- what members do

    async def join(self, member: Member) -> Assignment:
        """Come to a round, and wait for its end."""
        loop = asyncio.get_running_loop()
        member.joining = loop.create_future()
        member.round_is_on.clear()
        if member not in self._members:
            self._members.append(member)
        self._begin_round()
        return await member.joining

    def commit(self, member: Member, offsets: Mapping[TP, int]) -> None:
        """Commit offsets; those of a member that is out, or of a round before, are refused."""
        if member in self._members and member.generation == self._generation and not self._is_on:
            for partition, offset in offsets.items():
                self._committed.setdefault(partition, []).append(offset)

    def committed(self, shards: frozenset[int]) -> dict[TP, int | None]:
        """Return what is committed of the inputs of some shards; now and then of a while ago, as Kafka may."""
        found: dict[TP, int | None] = {}
        for partition in (TP(topic, shard) for topic in self._inputs for shard in sorted(shards)):
            known = self._committed.get(partition)
            found[partition] = self._random.choice(known[-3:]) if known else None
        return found

    def highest(self, partition: TP) -> int:
        """Return the furthest that was ever committed of an input; 0 for nothing."""
        return max(self._committed.get(partition, [0]))

    # ---- what happens to them

    def look_after(self, process: Process) -> None:
        """Have somebody missed who has ended or sleeps, when its session is over."""
        self._later(SESSION_SECONDS, self._miss, process)

    def put_out(self, process: Process, learns_after_seconds: float) -> None:
        """Have a member out that does not know it: it works on until it learns of it."""
        for member in [one for one in self._members if one.process is process and one.joining is None]:
            self._members.remove(member)
            self._begin_round()
            self._later(learns_after_seconds, member.round_is_on.set)

    def rebalance(self) -> None:
        """Have a round for no reason."""
        self._begin_round()

    # ---- inside

    def _miss(self, process: Process) -> None:
        now = asyncio.get_running_loop().time()
        if process.is_dead or process.asleep_until > now:
            self.put_out(process, max(0.0, process.asleep_until - now))
            self._members = [one for one in self._members if one.process is not process or not process.is_dead]

    def _begin_round(self) -> None:
        if self._is_on:
            return
        self._is_on = True
        for member in self._members:
            if member.joining is None:
                member.round_is_on.set()
        seconds = self._random.choice((0.05, 0.4))
        self._later(seconds, self._look, asyncio.get_running_loop().time() + JOIN_SECONDS)

    def _look(self, deadline: float) -> None:
        now = asyncio.get_running_loop().time()
        late = [member for member in self._members if member.joining is None]
        if late and now < deadline:
            self._later(0.3, self._look, deadline)
            return
        self._members = [member for member in self._members if member.joining is not None]
        for member in late:
            self._later(self._random.random() * 5, member.round_is_on.set)
        self._end_round()

    def _end_round(self) -> None:
        self._is_on = False
        self._generation += 1
        living = [member for member in self._members if not member.process.is_dead]
        owners = [self._random.choice(living) for _ in range(self._shards)] if living else []
        for member in living:
            shards = frozenset(shard for shard, owner in enumerate(owners) if owner is member)
            joining, member.joining, member.generation = member.joining, None, self._generation
            if joining is not None and not joining.done():
                joining.set_result(Assignment(self._generation, shards))
        for member in living:
            if member.process.asleep_until > asyncio.get_running_loop().time():
                self.look_after(member.process)

    @staticmethod
    def _later(seconds: float, do: Callable[..., object], *args: object) -> None:
        asyncio.get_running_loop().call_later(seconds, do, *args, context=Context())
