"""What must hold when all is quiet, whatever happened on the way.

From the log alone, for any order: nothing open; each (command, attempt) once; each record of an execution once and in
its order, and its end last; commands and steps name each other; the changelogs give what the worker has; positions only
go on; no wait ends early; an open enters its flow once; dead letters are the poison. What holds of the order that was
decided is in `lineage`. With `at_least_once` a command may be there again, and one that was sent before a crash may
be decided otherwise after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import orjson

from agents.shard import POSITIONS, read_positions
from engine.wire import parse_rfc3339
from streams.batching.host import TP
from streams.batching.table import TablePart
from streams.topics import DEAD_LETTERS, EXECUTIONS, TABLES, changelog
from tests.simulation.ending import Ending
from tests.simulation.lineage import differences
from tests.simulation.scene import DRIP, INPUTS, SHARDS
from tests.simulation.world import COMMANDS

CUT_SHORT: Final = {"archived", "cancelled", "node_removed", "version_exit"}
"""What ends a wait before its time."""


def verdict(ending: Ending) -> list[str]:
    """Return what is wrong; nothing where all holds."""
    problems: list[str] = []
    problems += _nothing_is_open(ending)
    problems += _letters_are_the_poison(ending)
    for shard in range(SHARDS):
        problems += _executions_are_whole(ending, shard)
        problems += _commands_are_those_of_steps(ending, shard)
        problems += _changelogs_are_the_state(ending, shard)
        problems += differences(ending, shard)
    problems += _opens_enter_once(ending)
    return problems


def _nothing_is_open(ending: Ending) -> Iterator[str]:
    for place in ending.log.places():
        if ending.log.partition(place).open:
            yield f"{place} has an open transaction"


def _letters_are_the_poison(ending: Ending) -> Iterator[str]:
    found: Counter[tuple[str, int, int]] = Counter()
    for shard in range(SHARDS):
        for record in ending.records(DEAD_LETTERS, shard):
            told = dict(record.headers)
            found[told["topic"].decode(), int(told["partition"]), int(told["offset"])] += 1
    if found != Counter(ending.world.poison):
        yield f"dead letters are {dict(found)}, the poison is {ending.world.poison}"


def _opens_enter_once(ending: Ending) -> Iterator[str]:
    entered = Counter(
        told["trigger"]["eventId"]
        for shard in range(SHARDS)
        for told in map(_value, ending.records(EXECUTIONS, shard))
        if told.get("seq") == 1 and told["flowId"] == DRIP
    )
    if entered != Counter(ending.world.opened):
        yield f"{DRIP} was entered by {dict(entered)}, the opens are {ending.world.opened}"


def _executions_are_whole(ending: Ending, shard: int) -> Iterator[str]:
    last: dict[str, Any] = {}
    waits: dict[tuple[str, str, int], int] = {}
    for told in map(_value, ending.records(EXECUTIONS, shard)):
        if "seq" not in told:
            continue
        execution = told["executionId"]
        before = last.get(execution)
        if told["seq"] != (before["seq"] + 1 if before else 1):
            yield f"{execution}: record {told['seq']} comes after {before and before['seq']}"
        if before and before["endReason"]:
            yield f"{execution}: a record after its end"
        last[execution] = told
        for step in told["steps"]:
            until_ms = waits.pop((execution, step["nodeId"], step["visit"]), 0)
            is_over = step["finishedAt"] and told["endReason"] not in CUT_SHORT
            if is_over and parse_rfc3339(step["finishedAt"]) < until_ms:
                yield f"{execution}: {step['nodeId']} waited until {step['finishedAt']} only"
        for wait in told["waiting"]:
            if wait["for"] == "delay":
                waits[execution, wait["nodeId"], wait["visit"]] = parse_rfc3339(wait["until"])
    for execution, told in last.items():
        if not told["endReason"]:
            yield f"{execution} of {told['flowId']} has not ended: {told['waiting']}"


def _commands_are_those_of_steps(ending: Ending, shard: int) -> Iterator[str]:
    named = {
        command
        for told in map(_value, ending.records(EXECUTIONS, shard))
        for step in told.get("steps", ())
        if step["finishedAt"]
        for command in step["commandIds"]
    }
    sent = Counter(
        (command["id"], command["attempt"])
        for topic in COMMANDS
        for command in map(_value, ending.records(topic, shard))
    )
    ids = {one for one, _ in sent}
    if ending.is_once:
        if twice := [one for one, count in sent.items() if count > 1]:
            yield f"commands that were sent twice: {twice}"
        if ids - named:
            yield f"commands of no step: {ids - named}"
    if named - ids:
        yield f"commands of steps that were not sent: {named - ids}"


def _changelogs_are_the_state(ending: Ending, shard: int) -> Iterator[str]:
    clock_ms, offsets = 0, dict[str, int]()
    for table in TABLES:
        folded = TablePart()
        for record in ending.records(changelog(table), shard):
            folded.apply_one(record.key, record.value)
            if table == POSITIONS:
                known, clock = read_positions({POSITIONS: folded})
                if clock < clock_ms or any(offset < offsets.get(topic, 0) for topic, offset in known.items()):
                    yield f"shard {shard}: from {offsets} at {clock_ms} back to {known} at {clock}"
                clock_ms, offsets = clock, known
        if dict(folded.items()) != dict(ending.tables[shard][table].items()):
            yield f"shard {shard}: {table} in memory are not what the changelog says"
    for topic in INPUTS:
        end = len(ending.log.partition((topic, shard)).entries)
        if offsets.get(topic, 0) > end or ending.group.highest(TP(topic, shard)) > end:
            yield f"shard {shard}: {topic} is read beyond its end, {end}"


def _value(record: Any) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(record.value)
    return value
