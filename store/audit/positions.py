"""How far the audit is, by partition: the next offset that is not written yet."""

from __future__ import annotations

from collections.abc import Sequence

from store.pool import Pool
from store.statements import statement


async def read_positions(pool: Pool, topic: str, partitions: Sequence[int]) -> dict[int, int]:
    """Return the positions of partitions; one that was never written to is absent."""
    rows = await pool.fetch(statement("audit.positions"), topic, partitions)
    return {row["partition"]: row["next_offset"] for row in rows}


async def place(pool: Pool, topic: str, partition: int, *, expected: int | None, next_offset: int) -> None:
    """Put the position of a partition elsewhere, where Kafka no longer has what comes next.

    Args:
        pool: of connections.
        topic: of the partition.
        partition: which.
        expected: where it stands; None where it was never written to. One that moved meanwhile stays.
        next_offset: where to go on.
    """
    name = "audit.start_position" if expected is None else "audit.replace_position"
    arguments = (topic, partition, next_offset) if expected is None else (topic, partition, next_offset, expected)
    await pool.execute(statement(name), *arguments)
