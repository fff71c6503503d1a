"""What must hold of the order in which a shard decided, over all who owned it.

The units that were committed, one after the other: each input is in one of them, or had no effect; the order keeps the
rules of a shard's clock; and the engine without any trouble, given the same inputs in the same order, makes the same
records and the same rows. Free are how topics interleave, when a timer fires between records of the same moment, where
units are cut, and which duplicate of an answer comes first.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from agents.shard import POSITIONS, POSITIONS_KEY, read_positions
from streams.batching.table import TablePart
from streams.topics import COMMAND_RESULTS, COMMAND_TOPICS, TABLES, changelog
from tests.simulation.ending import Ending
from tests.simulation.log import Place, Transaction
from tests.simulation.reference import Reference
from tests.simulation.scene import INPUTS
from tests.simulation.tape import Pass

HOUR_MS: Final = 3_600_000


def differences(ending: Ending, shard: int) -> Iterator[str]:
    """Yield what a shard did not do as one engine without any trouble does it, or not in an order that it may take."""
    problems: list[str] = []
    reference = Reference(shard, ending.views, problems)
    lineage = _lineage(ending, shard)
    expected: dict[Place, list[Any]] = {}
    offsets: dict[str, int] = {}
    clock_ms = 0
    for unit, positions in lineage:
        reference.know(unit.view)
        known, set_to_ms = read_positions({POSITIONS: _part(positions)})
        _play(ending, shard, reference, unit, offsets, known, problems)
        problems += [f"shard {shard}: {wrong}" for wrong in _wrong_clocks(unit, clock_ms, set_to_ms)]
        offsets, clock_ms = known, set_to_ms
        for output in reference.take().outputs:
            expected.setdefault((output.topic, output.partition), []).append(output)
    _play_rest(ending, shard, reference, offsets, problems)
    reference.know(len(ending.views) - 1)
    reference.still_due(_end_ms(lineage) + HOUR_MS)
    yield from problems
    if not ending.is_once:
        commands = {place: expected.pop(place) for place in list(expected) if place[0] in COMMAND_TOPICS}
        yield from _commands_missing(ending, shard, commands)
    yield from _outputs_differ(ending, shard, expected)
    for table in TABLES:
        if table == POSITIONS:
            continue
        ours = dict(reference.tables[table].items())
        theirs = dict(ending.tables[shard][table].items())
        if ours != theirs:
            keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
            yield f"shard {shard}: {table} differ from those without trouble in {keys[:4]}"


def _lineage(ending: Ending, shard: int) -> list[tuple[Pass, bytes]]:
    """Return the units that are committed, in their order, with the positions that each wrote."""
    entries = ending.log.partition((changelog(POSITIONS), shard)).entries
    return [
        (entry.transaction.note, entry.record.value)
        for entry in entries
        if entry.is_committed and entry.transaction is not None and entry.record is not None
    ]


def _play(
    ending: Ending, shard: int, reference: Reference, unit: Pass, before: Mapping[str, int], after: Mapping[str, int],
    problems: list[str],
) -> None:  # fmt: skip
    """Have the reference decide a unit, and see that it took its inputs where the unit before left off."""
    decided: dict[str, list[Any]] = {}
    for step in unit.steps:
        if step.record is not None:
            decided.setdefault(step.record.topic, []).append(step.record)
    if [step.record for step in unit.steps if step.record is not None] != _merged(decided):
        problems.append(f"shard {shard}: records were not decided in the order of time and topic")
    for topic in INPUTS:
        records = decided.get(topic, [])
        offsets = {record.offset for record in records}
        if len(offsets) < len(records) or any(one.offset >= two.offset for one, two in pairwise(records)):
            problems.append(f"shard {shard}: {topic} was decided as {[record.offset for record in records]}")
        start, end = before.get(topic, 0), after.get(topic, 0)
        if any(not start <= offset < end for offset in offsets):
            problems.append(f"shard {shard}: {topic} was decided at {sorted(offsets)}, not within {start} to {end}")
        _pass_over(ending, (topic, shard), range(start, end), offsets, reference, problems)
    for step in unit.steps:
        reference.decide(step)


def _wrong_clocks(unit: Pass, committed_ms: int, set_to_ms: int) -> Iterator[str]:
    """Yield where a unit's clock is not the time of its input, goes back, or is ahead of the wall's.

    Args:
        unit: one unit of a lineage.
        committed_ms: where the clock stood after the unit before.
        set_to_ms: where the unit says that it stands after it.
    """
    low_ms = committed_ms
    for place, step in enumerate(unit.steps):
        # Looks that decided nothing come before a unit, never within it; they moved the clock with the wall's.
        high_ms = low_ms if place else max(low_ms, step.seen_ms)
        if step.timer is not None:
            goal_ms = step.timer.due_ms
            if goal_ms > max(high_ms, step.wall_ms):
                yield f"{step.timer} fired early, at {step.wall_ms}, when the clock was {high_ms} at most"
        else:
            assert step.record is not None
            goal_ms = min(step.record.timestamp, step.wall_ms)
        if not max(low_ms, goal_ms) <= step.now_ms <= max(high_ms, goal_ms):
            yield f"the clock went from {low_ms} to {step.now_ms} at {step.wall_ms}, for an input of {goal_ms}"
        low_ms = step.now_ms
    if unit.steps and not low_ms <= set_to_ms <= max(low_ms, unit.steps[-1].wall_ms):
        yield f"the clock is set to {set_to_ms}, but stood at {low_ms} at {unit.steps[-1].wall_ms}"


def _play_rest(
    ending: Ending, shard: int, reference: Reference, offsets: Mapping[str, int], problems: list[str]
) -> None:
    """See that what lies after the last unit has no effect."""
    for topic in INPUTS:
        rest = range(offsets.get(topic, 0), len(ending.log.partition((topic, shard)).entries))
        _pass_over(ending, (topic, shard), rest, set(), reference, problems)
    if reference.take():
        problems.append(f"shard {shard}: what was left out at the end has an effect")


def _pass_over(
    ending: Ending, place: Place, offsets: range, decided: set[int], reference: Reference, problems: list[str]
) -> None:
    """See that records that no unit has decided were decided to be without effect."""
    entries = ending.log.partition(place).entries
    for offset in offsets:
        if offset in decided or not entries[offset].is_committed:
            continue
        found = ending.tape.without_effect.get((place, offset))
        if found is None:
            problems.append(f"{place} {offset} was never decided")
            continue
        if place[0] == COMMAND_RESULTS and not ending.is_once:
            continue  # it may have come before what it answers was decided, and so sent, once more
        reference.decide_without_effect(*found)


def _merged(decided: Mapping[str, list[Any]]) -> list[Any]:
    """Return records in the order in which a shard decides what it has in its buffers."""
    heads = [(records[0].timestamp, topic, 0) for topic, records in decided.items()]
    heapq.heapify(heads)
    merged: list[Any] = []
    while heads:
        _, topic, place = heapq.heappop(heads)
        merged.append(decided[topic][place])
        if place + 1 < len(decided[topic]):
            heapq.heappush(heads, (decided[topic][place + 1].timestamp, topic, place + 1))
    return merged


def _outputs_differ(ending: Ending, shard: int, expected: Mapping[Place, list[Any]]) -> Iterator[str]:
    written: dict[Place, list[Any]] = {}
    tables = {changelog(table) for table in TABLES}
    for place in ending.log.places():
        if place[0] in tables:
            continue
        for entry in ending.log.partition(place).entries:
            if entry.is_committed and entry.transaction is not None and _shard_of(entry.transaction) == shard:
                written.setdefault(place, []).append(entry.record)
    for place in sorted(expected.keys() | written.keys()):
        ours = [*map(_content, expected.get(place, ()))]
        theirs = [*map(_content, written.get(place, ()))]
        if ours != theirs:
            first = next((n for n, (one, two) in enumerate(zip(ours, theirs, strict=False)) if one != two), None)
            yield (
                f"shard {shard}: {place[0]} {place[1]} has {len(theirs)} records, without trouble {len(ours)}"
                f"; the first that differs is {first}"
            )


def _commands_missing(ending: Ending, shard: int, expected: Mapping[Place, list[Any]]) -> Iterator[str]:
    """Yield what was not sent, or not in its order; others may lie between."""
    for (topic, partition), ours in sorted(expected.items()):
        theirs = iter([_content(one) for one in ending.records(topic, partition)])
        for number, output in enumerate(ours):
            if _content(output) not in theirs:  # which goes on behind what it finds
                yield f"shard {shard}: {topic} {partition} lacks record {number} of {len(ours)}, or has it too early"
                break


def _content(one: Any) -> tuple[Any, ...]:
    return one.key, one.value, tuple(one.headers)


def _shard_of(transaction: Transaction) -> int:
    note = transaction.note
    return note.shard if isinstance(note, Pass) else -1


def _end_ms(lineage: list[tuple[Pass, bytes]]) -> int:
    """Return where the clock of a shard stood at the end."""
    return read_positions({POSITIONS: _part(lineage[-1][1])})[1] if lineage else 0


def _part(positions: bytes) -> TablePart:
    part = TablePart()
    part.apply_one(POSITIONS_KEY, positions)
    return part
