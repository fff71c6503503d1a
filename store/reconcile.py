"""What the audit holds, counted, to be compared with what went over Kafka."""

from __future__ import annotations

from collections import Counter

from store.pool import Pool
from store.statements import statement


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
