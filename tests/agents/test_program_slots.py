"""The program of a shard comes to the slots of schedules as to waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from agents.program import FlowProgram
from agents.tally import Tally
from engine.flow import FlowHead, FlowVersion, StatusChange, VersionHead
from engine.matching import FlowTable
from engine.types import FlowId
from streams.topics import EXECUTIONS
from streams.unit import Unit
from tests.support.driver import START_MS
from tests.support.flows import version

SLOT_MS = 1_790_002_800_000  # 2026-09-21T15:00:00Z
TABLES = ("subjects", "entries", "executions", "positions")


class Table(dict[bytes, bytes]):
    """A table of a shard in memory."""


def apply(tables: dict[str, Any], unit: Unit) -> None:
    for name, rows in unit.writes.items():
        for key, value in rows.items():
            if value is None:
                tables[name].pop(key, None)
            else:
                tables[name][key] = value


def program_of(number: int, flows: FlowTable, tables: dict[str, Any]) -> FlowProgram:
    program = FlowProgram(number, 2, flows, {}, lambda: START_MS, time_scale=1, all_facts=False, tally=Tally())
    program.restore(tables)
    return program


def hourly() -> FlowVersion:
    return version({"t": ("schedule", {"cron": "0 * * * *"}), "n": ("log_event", {"message": "m"})}, "t>n")


def head() -> FlowHead:
    return FlowHead(
        flow_id=FlowId("flow-1"), latest=1,
        versions=(VersionHead(version=1, effective_from_ms=START_MS),),
        statuses=(StatusChange(status="published", at_ms=START_MS),),
    )  # fmt: skip


def told(unit: Unit) -> Iterator[Any]:
    for output in unit.outputs:
        if output.topic == EXECUTIONS and output.value is not None:
            yield orjson.loads(output.value)


def test_one_of_two_shards_fires_a_slot_and_only_once_over_a_restart() -> None:
    flows = FlowTable()
    flows.put_version(hourly())
    flows.put_head(head())
    shards = [{name: Table() for name in TABLES} for _ in range(2)]
    programs = [program_of(number, flows, tables) for number, tables in enumerate(shards)]
    due = [program.next_due_ms() for program in programs]
    assert sorted(due, key=str) == [SLOT_MS, None]
    home = due.index(SLOT_MS)
    programs[home].fire(SLOT_MS)
    unit = programs[home].take()
    (record,) = told(unit)
    assert (record["origin"], record["subject"]["id"], record["status"]) == ("schedule", "user_001", "succeeded")
    apply(shards[home], unit)
    assert program_of(home, flows, shards[home]).next_due_ms() == SLOT_MS + 3_600_000


def test_a_version_that_comes_after_its_head_has_its_slots() -> None:
    flows = FlowTable()
    flows.put_head(head())
    programs = [program_of(number, flows, {name: Table() for name in TABLES}) for number in range(2)]
    assert [program.next_due_ms() for program in programs] == [None, None]
    flows.put_version(hourly())
    assert SLOT_MS in [program.next_due_ms() for program in programs]
