"""A superseded version stays while one of its executions can be retried, or may still reach its goal."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from engine.retrying import KEPT_MS
from engine.wire import parse_rfc3339
from store.audit.writing import AuditWriter
from store.flows import FlowStore
from store.pool import Pool
from store.retirement import Superseded, retire_if_ended, superseded_before
from tests.store.drawings import OPENED, TAG
from tests.store.records import batch, execution, log

STARTED_MS = parse_rfc3339("2026-11-01T10:30:00Z")
FINISHED_MS = STARTED_MS + 1_000


async def superseded(pool: Pool, **settings: Any) -> Superseded:
    """The first of two versions, whose settings the second does not have."""
    clock = count(1_000, 1_000)
    store = FlowStore(pool, actor="tester", now_ms=lambda: next(clock))
    flow = await store.create_flow(name="Tag openers", userId="user_001", settings=settings)
    opened = await store.save_node(flow.id, OPENED)
    await store.save_node(flow.id, {**TAG, "id": "tag-node"})
    await store.save_edge(flow.id, {"sourceNodeId": opened.id, "targetNodeId": "tag"})
    await store.publish_flow(flow.id)
    await store.update_flow(flow.id, settings={})
    await store.save_node(flow.id, {**TAG, "id": "tag-node", "config": {"tag": "hot"}})
    await store.publish_flow(flow.id)
    (first,) = await superseded_before(pool, FINISHED_MS)
    return first


async def ended(pool: Pool, version: Superseded, **fields: Any) -> None:
    record = execution(flowId=version.flow_id, flowVersion=version.version, **fields)
    await AuditWriter(pool).write_feed(batch(log([record])))


@pytest.mark.parametrize("status", ["failed", "partial"])
async def test_it_stays_as_long_as_a_failed_execution_can_be_retried(pool: Pool, status: str) -> None:
    first = await superseded(pool)
    await ended(pool, first, status=status)
    assert await retire_if_ended(pool, first, FINISHED_MS + KEPT_MS - 1) is False
    assert await retire_if_ended(pool, first, FINISHED_MS + KEPT_MS)


async def test_what_no_retry_goes_on_from_does_not_keep_it(pool: Pool) -> None:
    first = await superseded(pool)
    await ended(pool, first, status="partial", endReason="limit")
    assert await retire_if_ended(pool, first, FINISHED_MS + 1)


async def test_it_stays_as_long_as_an_execution_that_has_ended_may_reach_its_goal(pool: Pool) -> None:
    first = await superseded(pool, goal={"event": {"type": "email_reply"}, "withinSeconds": 600})
    await ended(pool, first)
    assert await retire_if_ended(pool, first, STARTED_MS + 599_999) is False
    assert await retire_if_ended(pool, first, STARTED_MS + 600_000)


async def test_a_goal_that_nothing_is_on_its_way_to_does_not_keep_it(pool: Pool) -> None:
    for within in (600, 100 * 365 * 86_400):
        first = await superseded(pool, goal={"event": {"type": "email_reply"}, "withinSeconds": within})
        assert await retire_if_ended(pool, first, STARTED_MS)
