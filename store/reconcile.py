"""What the audit holds, counted, to be compared with what went over Kafka."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from store.pool import Pool
from store.statements import statement

T = TypeVar("T")

ASKED_AT_ONCE: Final = 2_000
"""Rows of one query."""

StepKey = tuple[str, str, int]
"""Execution, node and visit."""


class FlowSums(NamedTuple):
    """What became of the matches of a flow: matched = started + suppressed + held, started = waiting + ended + running.

    Each is counted by itself, so that what is in two of them, or in none, shows.
    """

    matched: int
    started: int
    suppressed: int
    """Kept out: an entry rule, a holdout, a pause that is over, …"""
    held: int
    """By a pause of the flow that goes on, or whose matches were not taken again."""
    waiting: int
    """Executions that wait for something: a moment, an event, an answer, …"""
    ended: int
    running: int
    """Executions that are held before their next node, by a pause."""

    @property
    def reconciles(self) -> bool:
        """Whether each match and each execution is in exactly one of the sums."""
        return (
            self.matched == self.started + self.suppressed + self.held
            and self.started == self.waiting + self.ended + self.running
        )


async def sum_flows(pool: Pool) -> dict[str, FlowSums]:
    """Return the sums of each flow that anything matched, by its id."""
    rows = await pool.fetch(statement("reconcile.matches"))
    return {row["flow_id"]: FlowSums(*(row[name] for name in FlowSums._fields)) for row in rows}


async def unexplained(pool: Pool) -> list[str]:
    """Return what was left out, put off or ended without a reason: none, if all is well."""
    return [f"{row['what']} {row['which']}" for row in await pool.fetch(statement("reconcile.unexplained"))]


async def count_executions(pool: Pool) -> Counter[tuple[str, str]]:
    """Return how many executions there are by flow id and status."""
    rows = await pool.fetch(statement("reconcile.executions"))
    return Counter({(row["flow_id"], row["status"]): row["number"] for row in rows})


async def count_steps(pool: Pool) -> int:
    """Return how many steps there are."""
    return int(await pool.fetchval(statement("reconcile.steps")))


async def count_answers(pool: Pool) -> int:
    """Return how many answers to commands there are."""
    return int(await pool.fetchval(statement("reconcile.answers")))


async def count_decisions(pool: Pool) -> Counter[tuple[str, str]]:
    """Return how many decisions there are by kind (`suppressed` or `held`) and reason."""
    rows = await pool.fetch(statement("reconcile.decisions"))
    return Counter({(row["decision"], row["reason"]): row["number"] for row in rows})


async def command_ids(pool: Pool) -> Counter[str]:
    """Return the ids of all commands that steps made, and in how many steps each stands (one, if all is well)."""
    return Counter(row["command_id"] for row in await pool.fetch(statement("reconcile.command_ids")))


async def audit_positions(pool: Pool) -> dict[tuple[str, int], int]:
    """Return the next offset that is not written yet, by topic and partition."""
    rows = await pool.fetch(statement("reconcile.positions"))
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def missing_executions(pool: Pool, seqs: Mapping[str, int]) -> list[str]:
    """Return the executions that have no row, or one of before the seq that is given with them."""
    missing: list[str] = []
    for part in _parts(sorted(seqs.items())):
        ids, numbers = zip(*part, strict=True)
        missing += [row["id"] for row in await pool.fetch(statement("reconcile.missing_executions"), ids, numbers)]
    return missing


async def missing_steps(pool: Pool, steps: set[StepKey]) -> list[StepKey]:
    """Return those of these steps that have no row."""
    missing: list[StepKey] = []
    for part in _parts(sorted(steps)):
        columns = zip(*part, strict=True)
        missing += [tuple(row) for row in await pool.fetch(statement("reconcile.missing_steps"), *columns)]
    return missing


async def missing_decisions(pool: Pool, topic: str, places: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return those places of the feed, by partition and offset, whose decision has no row."""
    missing: list[tuple[int, int]] = []
    for part in _parts(sorted(places)):
        columns = zip(*part, strict=True)
        missing += [tuple(row) for row in await pool.fetch(statement("reconcile.missing_decisions"), topic, *columns)]
    return missing


def _parts(items: Sequence[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while part := list(islice(rest, ASKED_AT_ONCE)):
        yield part
