"""A system that only fails: its retries are put off, each once, and nothing else changes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from agents.breakers import FIRST_SECONDS, MOST_SECONDS, OPENS_AFTER, Breakers
from agents.program import FlowProgram
from agents.tally import Tally
from engine.due import Timer
from engine.flow import FlowHead, StatusChange, VersionHead
from engine.matching import FlowTable
from engine.types import ExecutionId, FlowId, NodeId
from streams.batching.table import TablePart
from streams.topics import COMMAND_RESULTS
from tests.support.flows import opened, version

NOW = 1_790_000_000_000
FAR = NOW + 10**9


def timer(name: str = "x", due_ms: int = NOW) -> Timer:
    return Timer(due_ms, ExecutionId(name), 1, 1, NodeId("n"))


def failing(times: int = OPENS_AFTER, time_scale: float = 1) -> Breakers:
    breakers = Breakers(time_scale)
    for _ in range(times):
        breakers.note("cmg", succeeded=False)
    return breakers


def put_off(breakers: Breakers, one: Timer, system: str = "cmg", deadline_ms: int = FAR) -> float | None:
    """By how many seconds."""
    later = breakers.put_off(one, (system, deadline_ms), NOW)
    return None if later is None else (later.due_ms - NOW) / 1000


def test_a_few_failures_open_nothing() -> None:
    breakers = failing(OPENS_AFTER - 1)
    assert breakers.are_closed
    assert put_off(breakers, timer()) is None


def test_failures_in_a_row_open_it_for_this_system_and_a_success_closes_it() -> None:
    breakers = failing(OPENS_AFTER - 1)
    assert breakers.note("cmg", succeeded=False)
    assert not breakers.note("cmg", succeeded=False)
    assert not breakers.are_closed
    assert put_off(breakers, timer(), "list_builder") is None
    assert put_off(breakers, timer()) is not None
    assert breakers.note("cmg", succeeded=True)
    assert put_off(breakers, timer("y")) is None


def test_an_attempt_is_put_off_once() -> None:
    breakers = failing()
    later = breakers.put_off(timer(), ("cmg", FAR), NOW)
    assert later is not None
    assert breakers.put_off(later, ("cmg", FAR), later.due_ms) is None
    breakers.note("cmg", succeeded=True)
    assert breakers.are_closed


def test_what_was_put_off_and_came_to_nothing_is_forgotten() -> None:
    breakers = failing()
    later = breakers.put_off(timer(), ("cmg", FAR), NOW)
    breakers.note("cmg", succeeded=True)
    assert not breakers.are_closed
    assert later is not None
    assert breakers.put_off(later, None, NOW) is None
    assert breakers.are_closed


@pytest.mark.parametrize(
    ("more", "most"), [(0, FIRST_SECONDS), (1, 2 * FIRST_SECONDS), (9, MOST_SECONDS), (999, MOST_SECONDS)]
)
def test_pauses_double_up_to_a_bound_and_are_spread(more: int, most: float) -> None:
    breakers = failing(OPENS_AFTER + more)
    pauses = [put_off(breakers, timer(f"x{number}")) or 0 for number in range(100)]
    assert most / 2 <= min(pauses) < max(pauses) <= most
    assert len(set(pauses)) > 90


def test_nothing_is_put_off_beyond_its_deadline() -> None:
    breakers = failing()
    assert put_off(breakers, timer(), deadline_ms=NOW + 1_000) == 1
    assert put_off(breakers, timer("y"), deadline_ms=NOW) is None


def test_pauses_are_scaled() -> None:
    pause = put_off(failing(time_scale=1_000), timer())
    assert pause is not None
    assert pause <= FIRST_SECONDS / 1_000


class Shard:
    """A program over tables in memory, with a flow whose tag is awaited."""

    def __init__(self) -> None:
        flows = FlowTable()
        options = {"awaitResult": True, "retry": {"maxAttempts": 9, "initialSeconds": 10, "factor": 1}}
        flows.put_version(version({"t": ("email_open", {}), "a": ("tag_contact", {"tag": "x"}, options)}, "t>a"))
        flows.put_head(
            FlowHead(
                flow_id=FlowId("flow-1"),
                latest=1,
                versions=(VersionHead(version=1, effective_from_ms=0),),
                statuses=(StatusChange(status="published", at_ms=0),),
            )
        )
        self.tally = Tally()
        self.program = FlowProgram(
            0, 1, flows, {}, lambda: self.now_ms, time_scale=1, all_facts=False, tally=self.tally
        )
        self.program.restore({name: TablePart() for name in ("subjects", "entries", "executions")})
        self.now_ms, self.offset = NOW, 0
        self.commands: list[dict[str, Any]] = []

    def give(self, topic: str, value: Any, key: bytes = b"c1") -> None:
        self.offset += 1
        self.program.decide(Record(topic, 0, self.offset, self.now_ms, key, orjson.dumps(value)), self.now_ms)
        self.collect()

    def collect(self) -> None:
        for output in self.program._records.take():
            if output.topic == "tap.list-builder.commands":
                self.commands.append(orjson.loads(output.value or b""))

    def advance(self, seconds: float) -> None:
        until_ms = self.now_ms + round(seconds * 1000)
        while (due_ms := self.program.next_due_ms()) is not None and due_ms <= until_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.program.fire(self.now_ms)
            self.collect()
        self.now_ms = until_ms

    def answer(self, status: str, number: int = -1) -> None:
        command = self.commands[number]
        self.give(COMMAND_RESULTS, {
            "commandId": command["id"], "attempt": command["attempt"], "status": status, "retryable": True,
        })  # fmt: skip


class Record:
    """What a program reads of a Kafka record."""

    headers: tuple[tuple[str, bytes], ...] = ()

    def __init__(self, topic: str, partition: int, offset: int, timestamp: int, key: bytes, value: bytes) -> None:
        self.topic, self.partition, self.offset, self.timestamp = topic, partition, offset, timestamp
        self.key, self.value = key, value


def test_a_shard_puts_off_the_attempts_at_a_system_that_only_fails() -> None:
    shard = Shard()
    for number in range(OPENS_AFTER):
        shard.give("tap.email-engine.events", {**opened(), "id": f"e{number}"})
        shard.answer("failed")
    assert shard.tally.counts["breakers_opened"] == 1
    shard.advance(10)
    assert [command["attempt"] for command in shard.commands] == [1] * OPENS_AFTER
    assert shard.tally.counts["attempts_put_off"] == OPENS_AFTER
    shard.advance(FIRST_SECONDS)
    assert [command["attempt"] for command in shard.commands] == [1] * OPENS_AFTER + [2] * OPENS_AFTER
    shard.answer("failed")
    shard.answer("succeeded", -2)
    assert shard.tally.counts["breakers_closed"] == 1
    shard.advance(10)
    assert [command["attempt"] for command in shard.commands][-1] == 3
    assert shard.tally.counts["attempts_put_off"] == OPENS_AFTER


def test_an_answer_that_nobody_waits_for_opens_nothing() -> None:
    shard = Shard()
    shard.give("tap.email-engine.events", opened())
    for _ in range(OPENS_AFTER):
        shard.give(COMMAND_RESULTS, {"commandId": "nobody", "attempt": 1, "status": "failed"})
    assert shard.tally.counts["answers"] == OPENS_AFTER
    assert shard.tally.counts["breakers_opened"] == 0
