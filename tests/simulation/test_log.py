"""The log in memory keeps the contract of a real one, and the loop keeps its order and its dead."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random

import pytest

from tests.simulation.clients import MemoryProducer, MemoryReader
from tests.simulation.log import Log
from tests.simulation.loop import Process, SeededLoop, StuckError
from tests.simulation.weather import Weather
from tests.support.unit_contract import Cluster, UnitContract


class TestInMemory(UnitContract):
    @pytest.fixture
    def cluster(self) -> Cluster:
        weather = Weather(Random(1), disorder=0, crash=0, error=0, stall=0, usual=0, is_calm=True)
        log = Log(weather, ())
        return Cluster(partial(MemoryProducer, log, weather), partial(MemoryReader, log, weather), ("out", "log"))


def new_loop(disorder: float = 0.0) -> SeededLoop:
    return SeededLoop(Random(1), disorder, lambda _process: None)  # type: ignore[abstract]  # as in a run


def test_time_passes_when_nothing_is_ready() -> None:
    loop = new_loop()

    async def week() -> float:
        await asyncio.sleep(7 * 86_400)
        return asyncio.get_running_loop().time()

    assert loop.run_until_complete(week()) == 7 * 86_400


def test_nothing_of_a_process_runs_once_it_is_dead_not_even_what_it_would_do_finally() -> None:
    loop = new_loop()
    process = Process("p")
    did: list[str] = []

    async def work() -> None:
        try:
            did.append("began")
            await asyncio.sleep(1)
            did.append("went on")
        finally:
            did.append("let go")

    async def kill() -> None:
        loop.start(process, work())
        await asyncio.sleep(0.5)
        process.is_dead = True
        await asyncio.sleep(1)

    loop.run_until_complete(kill())
    assert did == ["began"]
    loop.clear_away()
    assert did == ["began", "let go"]  # so that nothing is left of a run


def test_who_sleeps_goes_on_when_it_wakes() -> None:
    loop = new_loop()
    process = Process("p")

    async def work() -> None:
        await asyncio.sleep(1)
        process.name = f"woke at {asyncio.get_running_loop().time():g}"

    async def put_to_sleep() -> None:
        loop.start(process, work())
        await asyncio.sleep(0.5)
        process.asleep_until = 60.0
        await asyncio.sleep(100)

    loop.run_until_complete(put_to_sleep())
    assert process.name == "woke at 60"


def test_what_waits_for_nothing_that_will_come_is_said_to_be_stuck() -> None:
    loop = new_loop()

    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(StuckError):
        loop.run_until_complete(forever())
    loop.clear_away()


def test_disorder_is_the_seeds() -> None:
    def order(disorder: float) -> list[int]:
        loop = new_loop(disorder)
        seen: list[int] = []

        async def one(number: int) -> None:
            seen.append(number)

        async def all_of_them() -> None:
            await asyncio.gather(*map(one, range(20)))

        loop.run_until_complete(all_of_them())
        return seen

    assert order(0.0) == list(range(20))
    assert order(1.0) == order(1.0) != list(range(20))
