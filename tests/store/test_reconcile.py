"""The sums of flows over the audit's tables: what is counted where, and what does not add up, or says no reason."""

from __future__ import annotations

from typing import Any

import pytest

from store.audit.writing import AuditWriter
from store.pool import Pool
from store.reconcile import FlowSums, sum_flows, unexplained
from tests.store.records import batch, decision, execution, log, step

WAITING = {"nodeId": "n-2", "visit": 1, "until": "2026-11-02T10:30:00Z", "for": "delay"}
LEFT_OUT: dict[str, Any] = {"status": "skipped", "reason": "capped", "output": {"sent": False, "reason": "capped"}}


async def write(pool: Pool, *records: Any) -> None:
    await AuditWriter(pool).write_feed(batch(log(records)))


async def test_each_match_is_in_one_of_the_sums(pool: Pool) -> None:
    await write(
        pool,
        execution("waits", status="running", waiting=[WAITING]),
        execution("paused", status="paused", endReason=None, finishedAt=None, waiting=[]),
        decision("held", decision="held", reason="paused", executionId="ended"),
        execution("ended"),
        decision("again", executionId="ended"),
        decision("goal", decision="counted", reason="goal", executionId="ended"),
        decision("message", reason="capped", executionId="ended", nodeId="n-1", visit=1),
        decision("late", reason="cooldown", executionId="kept-out"),
        decision("twice", executionId="only-repeats"),
        decision("waits", decision="held", reason="paused", executionId="held"),
        decision("was-held", decision="held", reason="paused", executionId="skipped"),
        decision("is-skipped", reason="skipped_on_resume", executionId="skipped"),
        decision("nobody", flowId=None, executionId=None, reason="unscoped"),
    )
    sums = await sum_flows(pool)
    assert sums == {"f-1": FlowSums(7, started=3, suppressed=3, held=1, waiting=1, ended=1, running=1)}
    assert sums["f-1"].reconciles


@pytest.mark.parametrize(
    "records",
    [
        [execution("x"), decision(reason="cooldown", executionId="x")],
        [execution("x", status="paused", endReason=None, finishedAt=None, waiting=[]), execution("y", endReason=None)],
    ],
)
async def test_what_is_in_two_of_them_or_in_none_shows(pool: Pool, records: list[Any]) -> None:
    await write(pool, *records)
    assert not (await sum_flows(pool))["f-1"].reconciles


async def test_what_says_why_is_not_found(pool: Pool) -> None:
    await write(
        pool,
        execution("x", steps=[step(), step("n-2", **LEFT_OUT), step("n-3", status="skipped", reason="unreached")]),
        decision(reason="capped", executionId="x", nodeId="n-2", visit=1),
        execution("y", status="running", waiting=[WAITING, {"nodeId": "n", "visit": 1, "until": None, "for": "child"}]),
    )
    assert await unexplained(pool) == []


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([execution("x", endReason=None)], ["execution x"]),
        ([execution("x", status="running", finishedAt="2026-11-01T10:30:00Z", waiting=[WAITING])], ["execution x"]),
        ([execution("x", waiting=[WAITING])], ["wait x"]),
        ([execution("x", status="running", waiting=[{**WAITING, "until": None}])], ["wait x"]),
        ([execution("x", steps=[step(status="skipped")])], ["step x n-1"]),
        ([execution("x", steps=[step(status="failed", error=None)])], ["step x n-1"]),
        ([execution("x", steps=[step(**LEFT_OUT)])], ["message x n-1"]),
        ([execution("x", steps=[step()]), decision(reason="expired", executionId="x", nodeId="n-1", visit=1)],
         ["message x n-1"]),
    ],
)  # fmt: skip
async def test_what_does_not_say_why_is_found(pool: Pool, records: list[Any], found: list[str]) -> None:
    await write(pool, *records)
    assert await unexplained(pool) == found
