"""Bugs, each as small as it would come in by mistake: the simulator has to find every one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, Final

import orjson
from aiokafka import TopicPartition

from agents.app import APP_ID
from agents.program import FlowProgram
from agents.shard import Shard
from agents.shards import Shards
from agents.state import ShardState
from engine.shard_tables import EXECUTIONS
from streams.batching.host import TP, RecordBatch
from streams.batching.table import TablePart
from streams.batching.writers import CommandsFirstWriter, TransactionalWriter, UnitWriter
from streams.topics import COMMAND_TOPICS
from streams.unit import Output
from tests.simulation.run import simulate
from tests.simulation.tape import TapedProgram
from tests.simulation.worker import AtLeastOnce, Parts, Restore, Worker

AHEAD_MS: Final = 3_000


class _PositionsFirst(TransactionalWriter):
    async def write(self, shard: int, outputs: Iterable[Output], changelogs: Iterable[Output]) -> Mapping[str, int]:
        ends = await super().write(shard, [], changelogs)
        await super().write(shard, outputs, [])
        return ends


class AckBeforeProduce(Parts):
    """A unit's positions and rows are committed before its outputs, not with them."""

    def writer(self, worker: Worker) -> UnitWriter:
        return _PositionsFirst(worker.connect, worker.wall_ms, APP_ID)


class _CommandsLast(CommandsFirstWriter):
    async def write(self, shard: int, outputs: Iterable[Output], changelogs: Iterable[Output]) -> Mapping[str, int]:
        outputs = list(outputs)
        ends = await super().write(shard, [one for one in outputs if one.topic not in self._first], changelogs)
        await super().write(shard, [one for one in outputs if one.topic in self._first], [])
        return ends


class StateBeforeCommands(AtLeastOnce):
    """With `at_least_once`: a unit's state is committed before its commands are sent, not after."""

    def writer(self, worker: Worker) -> UnitWriter:
        return _CommandsLast(worker.connect, worker.wall_ms, APP_ID, COMMAND_TOPICS)


class _WithoutTimers(ShardState):
    def take(self) -> dict[str, dict[bytes, bytes | None]]:
        writes = super().take()
        for key, row in writes.get(EXECUTIONS, {}).items():
            if row is not None:
                header, body = row.split(b"\n", 1)
                writes[EXECUTIONS][key] = orjson.dumps([*orjson.loads(header)[:-1], []]) + b"\n" + body
        return writes


class _ForgetsTimers(TapedProgram):
    def restore(self, tables: Mapping[str, Any]) -> None:
        super().restore(tables)
        self._state = self._decider._rows._tables = _WithoutTimers(tables)


class TimersInMemory(Parts):
    """A timer is in memory, but not in the row that the changelog gets."""

    def program(self, worker: Worker, number: int) -> FlowProgram:
        return _ForgetsTimers(number, worker.flows, worker.wall_ms, worker.tape)


class NoFence(Parts):
    """A shard's transactional id is the worker's own, so that nobody who owned it before is fenced."""

    def writer(self, worker: Worker) -> UnitWriter:
        return TransactionalWriter(worker.connect, worker.wall_ms, f"{APP_ID}-{worker.name}")


class _FencesLast(TransactionalWriter):
    """Opens when it writes for the first time: after the tables were restored."""

    wanted: Collection[int] = ()

    async def open(self, shards: Collection[int]) -> None:
        await self.close()
        self.wanted = set(shards)

    async def write(self, shard: int, outputs: Iterable[Output], changelogs: Iterable[Output]) -> Mapping[str, int]:
        if shard not in self._producers:
            await self._start(shard)
        return await super().write(shard, outputs, changelogs)


class FenceAfterRestore(Parts):
    """A shard is fenced only when its tables have been restored."""

    def writer(self, worker: Worker) -> UnitWriter:
        return _FencesLast(worker.connect, worker.wall_ms, APP_ID)


class _AnyEpoch(Shards):
    def take(self, batch: RecordBatch) -> None:
        super().take(RecordBatch(batch.number, self._epoch, batch.partition, batch.records))


class BatchesOfBefore(Parts):
    """A batch that was read before the last seek is taken like any other."""

    def shards(self, worker: Worker, **parts: Any) -> Shards:
        return _AnyEpoch(**parts)


class _AppliesEarly(Shards):
    def applied(self) -> Mapping[TP, int]:
        return {
            TP(topic, number): offset
            for number, shard in self._shards.items()
            for topic, offset in shard.inputs.decided.items()
            if offset
        }


class OffsetsBeforeCommit(Parts):
    """The group's offsets move when a record is decided, not when its unit is committed."""

    def shards(self, worker: Worker, **parts: Any) -> Shards:
        return _AppliesEarly(**parts)


class HalfRestored(Parts):
    """A table is taken for restored although the end of its changelog was not read."""

    def restore(self, worker: Worker) -> Restore:
        whole = super().restore(worker)

        async def some(parts: Mapping[TopicPartition, TablePart]) -> Mapping[TopicPartition, int]:
            await asyncio.sleep(0)
            return await whole({one: part for one, part in parts.items() if "entries" not in one.topic})

        return some


class _GoesOn(Shards):
    _is_restoring = False

    async def restore(self, assigned: Collection[TP], generation: int) -> None:
        self._is_restoring = True
        try:
            await super().restore(assigned, generation)
        finally:
            self._is_restoring = False

    async def suspend(self) -> None:
        if not self._is_restoring:
            await super().suspend()

    def resume(self, epoch: int) -> None:
        self._is_granted = True
        super().resume(epoch)


class GoesOnWhenRevoked(Parts):
    """An assignment that is revoked while it is restored is worked on, and then meets the next: as it once was."""

    def shards(self, worker: Worker, **parts: Any) -> Shards:
        return _GoesOn(**parts)


def _ahead_where_idle(shard: Shard, wall_ms: Callable[[], int]) -> int:
    return wall_ms() + (AHEAD_MS if shard.inputs.head_timestamp() is None else 0)


class _FiresEarly(Shards):
    def resume(self, epoch: int) -> None:
        super().resume(epoch)
        for shard in self._shards.values():
            shard._wall_ms = partial(_ahead_where_idle, shard, shard._wall_ms)


class _KnowsLess(Shards):
    def __init__(self, *, catch_up: Callable[[], Awaitable[None]], **parts: Any) -> None:
        async def go_on() -> None:
            await asyncio.sleep(0)

        super().__init__(catch_up=go_on, **parts)


class FlowsOfBefore(Parts):
    """A shard is worked on although its owner before knew more of the flows."""

    def shards(self, worker: Worker, **parts: Any) -> Shards:
        return _KnowsLess(**parts)


class TimersEarly(Parts):
    """A shard without inputs fires timers up to 3 s too early, and sets its clock as if they had been due."""

    def shards(self, worker: Worker, **parts: Any) -> Shards:
        return _FiresEarly(**parts)


PLANTED: Final[Mapping[str, Parts]] = {
    "ack before produce": AckBeforeProduce(),
    "state before commands": StateBeforeCommands(),
    "timers in memory": TimersInMemory(),
    "no fence": NoFence(),
    "fence after restore": FenceAfterRestore(),
    "batches of before": BatchesOfBefore(),
    "offsets before commit": OffsetsBeforeCommit(),
    "half restored": HalfRestored(),
    "goes on when revoked": GoesOnWhenRevoked(),
    "timers early": TimersEarly(),
    "flows of before": FlowsOfBefore(),
}


def seeds_until_found(plant: str, most: int) -> int | None:
    """Return how many seeds it takes until one fails with a planted bug; None where none of so many does."""
    return next((seed + 1 for seed in range(most) if simulate(seed, PLANTED[plant]).problems), None)
