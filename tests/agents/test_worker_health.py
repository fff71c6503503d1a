"""A worker lives as long as every shard that has something to do moves, and Kafka answers; a rebalance is no fault."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from agents.figures import ProgramFigures, ShardFigures
from agents.shards import Shards
from agents.worker_health import REBALANCE_SECONDS, STALL_SECONDS, WorkerHealth
from streams.batching.host import TP, Unread


class Worker:
    """Shards 0 and 1 as health sees them, and a clock that a test moves."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.now = 100.0
        self.heard_ms = 0
        self.readable: dict[TP, int] = {}
        self.of: dict[int, ShardFigures] = {0: ShardFigures(0), 1: ShardFigures(1)}
        self.health = WorkerHealth(cast(Shards, self), self.unread, lambda: self.now)
        self.ready.set()
        self.health.look()

    def figures(self) -> list[ShardFigures]:
        return list(self.of.values()) if self.ready.is_set() else []

    def unread(self) -> Unread:
        return Unread(self.readable, {}, self.heard_ms)

    def set(self, shard: int, **figures: Any) -> None:
        self.of[shard] = self.of[shard]._replace(**figures)

    def pass_seconds(self, seconds: float, *, hears: bool = True, moves: int | None = None) -> None:
        """Let time pass, with a look each second; Kafka answers, and a shard commits units, where a test says so."""
        for _ in range(round(seconds)):
            self.now += 1
            self.heard_ms += hears
            if moves is not None:
                self.set(moves, units=self.of[moves].units + 1)
            self.health.look()


def test_a_shard_with_nothing_to_do_may_do_nothing() -> None:
    worker = Worker()
    worker.pass_seconds(10 * STALL_SECONDS)
    assert worker.health.why_not_live() is None


def test_a_shard_with_something_to_read_that_does_not_move_fails_and_is_named() -> None:
    worker = Worker()
    worker.readable = {TP("a", 1): 7}
    worker.pass_seconds(STALL_SECONDS)
    assert worker.health.why_not_live() is None
    worker.pass_seconds(2)
    assert "shards 1 have something to do" in str(worker.health.why_not_live())


def test_as_long_as_it_moves_it_may_lag_for_ever() -> None:
    worker = Worker()
    worker.readable = {TP("a", 1): 7_000_000}
    worker.pass_seconds(5 * STALL_SECONDS, moves=1)
    assert worker.health.why_not_live() is None


def test_each_shard_is_looked_at_by_itself() -> None:
    worker = Worker()
    worker.set(0, is_busy=True)
    worker.readable = {TP("a", 1): 7}
    worker.pass_seconds(STALL_SECONDS + 2, moves=1)
    assert "shards 0 " in str(worker.health.why_not_live())


def test_inputs_in_memory_and_timers_that_are_due_are_something_to_do() -> None:
    for figures in ({"buffered": 1}, {"kept": ProgramFigures(timers=1, timers_due=1)}):
        worker = Worker()
        worker.set(1, **figures)
        worker.pass_seconds(STALL_SECONDS + 2)
        assert "shards 1 " in str(worker.health.why_not_live())


def test_a_shard_that_waits_for_an_input_that_lags_is_alive() -> None:
    worker = Worker()
    worker.set(1, buffered=1, holds=True)
    worker.pass_seconds(STALL_SECONDS + 2)
    assert worker.health.why_not_live() is None


def test_a_kafka_that_does_not_answer_fails_it_and_one_that_answers_again_heals_it() -> None:
    worker = Worker()
    worker.pass_seconds(STALL_SECONDS + 2, hears=False)
    assert "Kafka has not answered for" in str(worker.health.why_not_live())
    worker.pass_seconds(1)
    assert worker.health.why_not_live() is None


def test_a_rebalance_fails_neither_and_starts_the_clocks_anew() -> None:
    worker = Worker()
    worker.set(1, is_busy=True)
    worker.pass_seconds(STALL_SECONDS - 1)
    worker.ready.clear()
    worker.pass_seconds(REBALANCE_SECONDS - 1, hears=False)
    assert (worker.health.why_not_live(), worker.health.why_not_ready()) == (None, None)
    worker.ready.set()
    worker.pass_seconds(STALL_SECONDS - 1)
    assert (worker.health.why_not_live(), worker.health.why_not_ready()) == (None, None)


def test_it_is_ready_once_assigned_and_no_longer_after_a_minute_without_an_assignment() -> None:
    fresh = WorkerHealth(cast(Shards, Worker()), lambda: Unread({}, {}, 0))
    assert "not assigned and restored" in str(fresh.why_not_ready())
    worker = Worker()
    worker.ready.clear()
    worker.pass_seconds(REBALANCE_SECONDS + 1)
    assert "no assignment for 61 s" in str(worker.health.why_not_ready())
    worker.ready.set()
    worker.pass_seconds(1)
    assert worker.health.why_not_ready() is None
    worker.health.is_stopping = True
    assert worker.health.why_not_ready() == "it is stopping"


def test_a_worker_in_reserve_is_ready_and_alive() -> None:
    worker = Worker()
    worker.of = {}
    worker.pass_seconds(10 * STALL_SECONDS, hears=False)
    assert (worker.health.why_not_live(), worker.health.why_not_ready()) == (None, None)
