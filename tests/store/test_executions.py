"""Executions as the CLI lists them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from store import executions, reconcile
from store.audit.writing import AuditWriter
from store.pool import Pool
from tests.store.records import batch, decision, execution, log, step

TOLD = [
    execution("x-1", flowId="f-1", startedAt="2026-10-01T00:00:00Z", steps=[step(commandIds=["c-1", "c-2"])]),
    execution(
        "x-2", flowId="f-2", startedAt="2026-11-02T00:00:00Z", status="running", steps=[step(commandIds=["c-3"])]
    ),
    execution("x-3", flowId="f-1", startedAt="2026-11-03T00:00:00Z", subject={"type": "campaign", "id": "k" * 300}),
    execution("x-4", flowId="f-1", startedAt="2026-11-03T00:00:00Z", subject={"type": "campaign", "id": "k" * 301}),
]


@pytest.fixture
async def told(pool: Pool) -> Pool:
    records = [*TOLD, decision("e-1"), decision("e-2", decision="held", reason="paused")]
    await AuditWriter(pool).write_feed(batch(log(records)))
    return pool


async def test_a_list_is_newest_first_and_has_no_steps(told: Pool) -> None:
    found = await executions.list_executions(told)
    assert [one["executionId"] for one in found] == ["x-3", "x-4", "x-2", "x-1"]
    without = {"steps", "path"}
    assert found[2] == {key: value for key, value in TOLD[1].items() if key not in without}


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({"flow_ids": ["f-1"]}, ["x-3", "x-4", "x-1"]),
        ({"flow_ids": ["f-1", "f-2"]}, ["x-3", "x-4", "x-2", "x-1"]),
        ({"subject_id": "contact_789"}, ["x-2", "x-1"]),
        ({"subject_id": "k" * 300}, ["x-3"]),
        ({"subject_id": "nobody"}, []),
        ({"status": "running"}, ["x-2"]),
        ({"since": datetime(2026, 11, 2, tzinfo=UTC)}, ["x-3", "x-4", "x-2"]),
        ({"flow_ids": ["f-1"], "limit": 1}, ["x-3"]),
    ],
)
async def test_filters_are_all_to_hold(told: Pool, filters: dict[str, Any], ids: list[str]) -> None:
    assert [one["executionId"] for one in await executions.list_executions(told, **filters)] == ids


async def test_what_there_is_is_counted(told: Pool) -> None:
    assert await reconcile.count_executions(told) == {("f-1", "succeeded"): 3, ("f-2", "running"): 1}
    assert await reconcile.count_steps(told) == 2
    assert await reconcile.command_ids(told) == {"c-1": 1, "c-2": 1, "c-3": 1}
    assert await reconcile.count_decisions(told) == {("suppressed", "duplicate_event"): 1, ("held", "paused"): 1}
    assert await reconcile.count_answers(told) == 0
    assert await reconcile.audit_positions(told) == {("mal.executions", 0): 6}
