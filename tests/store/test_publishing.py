"""A publish freezes a version, and what workers must hear of it stands in the outbox, in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from engine.flow import FlowHead, FlowVersion
from engine.types import FlowId
from store import executions, limits, outbox
from store.audit.writing import AuditWriter
from store.errors import InvalidFlowError, InvalidInputError
from store.executions import running_by_version
from store.flows import FlowStore
from store.pool import Pool
from store.republish import republish_all
from store.retirement import retire_if_ended, superseded_before
from tests.store.drawings import OPENED, TAG, WEEK
from tests.store.records import batch, execution, log

Sent = tuple[str, Any]
NOW_MS = 10**13


@pytest.fixture
def clock() -> Iterator[int]:
    return count(1_000, 1_000)


@pytest.fixture
def store(pool: Pool, clock: Iterator[int]) -> FlowStore:
    return FlowStore(pool, actor="tester", now_ms=lambda: next(clock))


async def relayed(pool: Pool) -> list[Sent]:
    """Relay the outbox, and return what would be on Kafka."""
    sent: list[Sent] = []

    async def send(key: bytes, value: bytes | None) -> None:
        sent.append((key.decode(), None if value is None else json.loads(value)))

    assert await outbox.relay(pool, send) == len(sent)
    return sent


async def drawn(store: FlowStore) -> FlowId:
    flow = await store.create_flow(name="Tag openers", userId="user_001")
    opened = await store.save_node(flow.id, OPENED)
    await store.save_node(flow.id, {**TAG, "id": "tag-node"})
    await store.save_edge(flow.id, {"sourceNodeId": opened.id, "targetNodeId": "tag"})
    return flow.id


async def retag(store: FlowStore, flow_id: FlowId, tag: str) -> None:
    await store.save_node(flow_id, {**TAG, "id": "tag-node", "config": {"tag": tag}})


async def test_a_publish_puts_the_version_and_then_the_head_into_the_outbox(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    published = await store.publish_flow(flow_id)
    assert (published.changed, published.version, published.status, published.is_active) == (
        True, 1, "published", True,
    )  # fmt: skip
    (version_key, version), (head_key, head) = await relayed(pool)
    assert (version_key, head_key) == (f"{flow_id}/1", f"{flow_id}/head")
    frozen = FlowVersion.model_validate(version)
    assert [node.subtype for node in frozen.nodes] == ["email_open", "tag_contact"]
    assert frozen.edges[0].target_node_id == "tag-node", "refs are resolved"
    assert head == {
        "flowId": flow_id, "latest": 1, "versions": [{"version": 1, "policy": "pin", "effectiveFromMs": 1_000}],
        "statuses": [{"status": "published", "atMs": 1_000, "drain": False}],
    }  # fmt: skip
    assert await executions.node_names(pool, flow_id, 1) == {frozen.nodes[0].id: "opened", "tag-node": "tag"}
    assert await executions.node_names(pool, flow_id, 2) == {}


async def test_the_same_publish_twice_changes_nothing(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    await store.publish_flow(flow_id)
    await relayed(pool)
    await retag(store, flow_id, "other")
    await retag(store, flow_id, "warm")
    again = await store.publish_flow(flow_id)
    assert (again.changed, again.version) == (False, 1)
    assert await relayed(pool) == []


async def test_a_change_makes_the_next_version_and_the_head_keeps_both(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    await store.publish_flow(flow_id)
    await retag(store, flow_id, "hot")
    assert (await store.publish_flow(flow_id)).version == 2
    sent = await relayed(pool)
    assert [key for key, _ in sent] == [f"{flow_id}/{part}" for part in ("1", "head", "2", "head")]
    head = FlowHead.model_validate(sent[-1][1])
    assert [head.version_at(at) for at in (999, 1_000, 1_999, 2_000)] == [None, 1, 1, 2]


async def test_a_clock_that_was_set_back_reorders_nothing(pool: Pool) -> None:
    moments = iter((5_000, 1_000))
    store = FlowStore(pool, now_ms=lambda: next(moments))
    flow_id = await drawn(store)
    await store.publish_flow(flow_id)
    await retag(store, flow_id, "hot")
    await store.publish_flow(flow_id)
    head = FlowHead.model_validate((await relayed(pool))[-1][1])
    assert [one.effective_from_ms for one in head.versions] == [5_000, 5_000]


async def test_true_is_not_one_in_what_is_published(store: FlowStore) -> None:
    flow_id = await drawn(store)
    field = {"ref": "if", "type": "condition", "subtype": "if_field_match", "id": "if-node"}
    opened = (await store.get_nodes(flow_id))[0]
    await store.save_edge(flow_id, {"sourceNodeId": opened.id, "targetNodeId": "if-node"})
    await store.save_edge(flow_id, {"sourceNodeId": "if-node", "targetNodeId": "tag-node", "conditionLabel": "true"})
    versions = []
    for value in (True, 1, True):
        config = {"field": "event.replied", "operator": "equals", "value": value}
        await store.save_node(flow_id, {**field, "config": config})
        versions.append((await store.publish_flow(flow_id)).version)
    assert versions == [1, 2, 3]


async def test_an_invalid_flow_is_refused_with_every_problem_and_changes_nothing(store: FlowStore, pool: Pool) -> None:
    flow = await store.create_flow(name="Wrong", userId="user_001", settings={"entri": {}})
    await store.save_node(flow.id, {**TAG, "id": "a", "config": {}})
    await store.save_node(flow.id, {**WEEK, "id": "b", "config": {"delaySeconds": -1}})
    await store.save_edge(flow.id, {"sourceNodeId": "a", "targetNodeId": "nowhere"})
    with pytest.raises(InvalidFlowError) as refused:
        await store.publish_flow(flow.id)
    said = str(refused.value)
    for part in ("'Wrong' is not valid", "no trigger", "tag", "delaySeconds", "nowhere", "entri"):
        assert part in said
    assert len(refused.value.problems) >= 5
    found = await store.get_flow(flow.id)
    assert found is not None
    assert (found.version, found.status) == (0, "draft")
    assert await relayed(pool) == []


async def test_a_flow_too_large_for_a_record_is_refused(store: FlowStore) -> None:
    flow_id = await drawn(store)
    for number in range(6):
        await store.save_node(flow_id, {**TAG, "id": f"n{number}", "ref": None, "config": {"tag": "x" * 190_000}})
    with pytest.raises(InvalidFlowError, match=r"1,000,000 bytes"):
        await store.publish_flow(flow_id)


async def test_what_is_no_policy_is_refused(store: FlowStore) -> None:
    flow_id = await drawn(store)
    with pytest.raises(InvalidInputError, match="policy is 'now'; use pin, migrate, exit"):
        await store.publish_flow(flow_id, "now")


async def test_the_policy_of_each_version_is_in_the_head(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    for policy in ("exit", "migrate", "pin"):
        await retag(store, flow_id, f"tag of {policy}")
        await store.publish_flow(flow_id, policy)
    head = dict(await relayed(pool))[f"{flow_id}/head"]
    assert [one["policy"] for one in head["versions"]] == ["exit", "migrate", "pin"]


async def test_who_runs_on_which_version_is_known(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    told = [("x-1", 1, "running"), ("x-2", 2, "paused"), ("x-3", 2, "running"), ("x-4", 2, "succeeded")]
    records = [execution(one, flowId=flow_id, flowVersion=version, status=status) for one, version, status in told]
    await AuditWriter(pool).write_feed(batch(log(records)))
    assert await running_by_version(pool, flow_id) == {1: 1, 2: 2}


async def test_a_version_stays_while_executions_of_older_ones_will_move_to_it(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    for policy in ("pin", "migrate", "pin"):
        await retag(store, flow_id, f"tag of {policy} {len(await store.get_nodes(flow_id))}")
        await store.publish_flow(flow_id, policy)
        await store.save_node(flow_id, {**TAG, "id": f"after {policy}", "ref": None})
    first, second = await superseded_before(pool, 10**15)
    await AuditWriter(pool).write_feed(batch(log([execution(flowId=flow_id, status="running")])))
    assert await retire_if_ended(pool, second, NOW_MS) is False
    assert await retire_if_ended(pool, first, NOW_MS) is False
    await AuditWriter(pool).write_feed(batch(log([execution(flowId=flow_id, seq=2)], first=1)))
    assert await retire_if_ended(pool, second, NOW_MS)


async def test_pause_and_resume_are_in_the_head_and_a_publish_between_stays_paused(
    store: FlowStore, pool: Pool
) -> None:
    flow_id = await drawn(store)
    with pytest.raises(InvalidInputError, match="is draft, not published"):
        await store.pause_flow(flow_id)
    await store.publish_flow(flow_id)
    with_none = await store.resume_flow(flow_id)
    assert (with_none.changed, with_none.paused_at_ms) == (False, None)
    paused = await store.pause_flow(flow_id)
    assert (paused.status, paused.is_active, paused.changed, paused.paused_at_ms) == (
        "paused", False, True, paused.at_ms,
    )  # fmt: skip
    assert (await store.pause_flow(flow_id)).changed is False
    await retag(store, flow_id, "hot")
    published = await store.publish_flow(flow_id)
    assert (published.status, published.version, published.changed) == ("paused", 2, True)
    assert (await store.publish_flow(flow_id)).changed is False
    resumed = await store.resume_flow(flow_id)
    assert (resumed.status, resumed.version, resumed.paused_at_ms) == ("published", 2, paused.at_ms)
    again = await store.resume_flow(flow_id)
    assert (again.changed, again.at_ms, again.paused_at_ms) == (False, resumed.at_ms, paused.at_ms)
    head = dict(await relayed(pool))[f"{flow_id}/head"]
    assert [one["status"] for one in head["statuses"]] == ["published", "paused", "published"]
    await store.archive_flow(flow_id)
    with pytest.raises(InvalidInputError, match="is archived, not paused"):
        await store.resume_flow(flow_id)


async def test_what_drains_can_be_archived_after_all(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    await store.publish_flow(flow_id)
    assert (await store.archive_flow(flow_id, drain=True)).changed
    assert (await store.archive_flow(flow_id, drain=True)).changed is False
    assert (await store.archive_flow(flow_id)).changed
    assert (await store.archive_flow(flow_id, drain=True)).changed is False
    head = dict(await relayed(pool))[f"{flow_id}/head"]
    assert [(one["status"], one["drain"]) for one in head["statuses"]] == [
        ("published", False), ("archived", True), ("archived", False),
    ]  # fmt: skip


async def test_archive_tells_the_workers_and_a_publish_brings_the_flow_back(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    await store.publish_flow(flow_id)
    archived = await store.archive_flow(flow_id)
    assert (archived.changed, archived.status, archived.is_active) == (True, "archived", False)
    assert (await store.archive_flow(flow_id)).changed is False
    back = await store.publish_flow(flow_id)
    assert (back.changed, back.version, back.status) == (True, 1, "published")
    sent = await relayed(pool)
    assert [key for key, _ in sent] == [f"{flow_id}/{part}" for part in ("1", "head", "head", "head")]
    assert [change["status"] for change in sent[-1][1]["statuses"]] == ["published", "archived", "published"]


async def test_publishers_at_the_same_time_make_one_version(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    published = await asyncio.gather(*(store.publish_flow(flow_id) for _ in range(4)))
    assert sorted(one.changed for one in published) == [False, False, False, True]
    assert {one.version for one in published} == {1}
    assert len(await relayed(pool)) == 2


# ---- the outbox


async def test_a_relay_that_dies_between_send_and_delete_sends_again_in_the_same_order(
    store: FlowStore, pool: Pool
) -> None:
    flow_id = await drawn(store)
    await store.publish_flow(flow_id)
    await retag(store, flow_id, "hot")
    await store.publish_flow(flow_id)
    expected = [f"{flow_id}/{part}" for part in ("1", "head", "2", "head")]
    for dies_at in range(len(expected)):
        tried: list[str] = []

        async def send(key: bytes, value: bytes | None, tried: list[str] = tried, dies_at: int = dies_at) -> None:
            tried.append(key.decode())
            if len(tried) > dies_at:
                raise ConnectionError("Kafka is away")

        with pytest.raises(ConnectionError):
            await outbox.relay(pool, send)
        assert tried == expected[: dies_at + 1]
    assert [key for key, _ in await relayed(pool)] == expected
    assert await relayed(pool) == []


async def test_relays_at_the_same_time_send_each_record_once_and_in_order(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    for number in range(5):
        await retag(store, flow_id, f"tag-{number}")
        await store.publish_flow(flow_id)
    sent: list[str] = []

    async def send(key: bytes, value: bytes | None) -> None:
        await asyncio.sleep(0)
        sent.append(key.decode())

    assert sum(await asyncio.gather(*(outbox.relay(pool, send) for _ in range(3)))) == 10
    assert sent == [f"{flow_id}/{part}" for number in range(1, 6) for part in (number, "head")]


async def test_a_lost_topic_is_seeded_again_from_postgres(store: FlowStore, pool: Pool) -> None:
    flow_id = await drawn(store)
    await store.publish_flow(flow_id)
    await retag(store, flow_id, "hot")
    await store.publish_flow(flow_id)
    await limits.set_limits(pool, "user", "user_001", max_external_writes=7)
    before = dict(await relayed(pool))
    assert await republish_all(pool) == len(before) == 4
    assert dict(await relayed(pool)) == before


# ---- retiring


async def test_a_superseded_version_is_retired_once_none_of_its_executions_goes_on(
    store: FlowStore, pool: Pool
) -> None:
    flow_id = await drawn(store)
    for tag in ("warm", "hot", "burning"):
        await retag(store, flow_id, tag)
        await store.publish_flow(flow_id)
    await relayed(pool)
    assert await superseded_before(pool, 2_000) == []
    first, second = await superseded_before(pool, 3_001)
    assert (first, second) == ((flow_id, 1, 2_000), (flow_id, 2, 3_000))
    writer = AuditWriter(pool)
    started = execution(flowId=flow_id, status="running")
    await writer.write_feed(batch(log([started])))
    assert await retire_if_ended(pool, first, NOW_MS) is False
    await writer.write_feed(batch(log([execution(flowId=flow_id, seq=2)], first=1)))
    assert await retire_if_ended(pool, first, NOW_MS)
    assert await retire_if_ended(pool, first, NOW_MS) is False
    (head_key, head), tombstone = await relayed(pool)
    assert head_key == f"{flow_id}/head"
    assert [one["version"] for one in head["versions"]] == [2, 3]
    assert tombstone == (f"{flow_id}/1", None)
    assert await superseded_before(pool, 9_999) == [second]
    latest = second._replace(version=3)
    assert await retire_if_ended(pool, latest, NOW_MS) is False, "the latest version always stays"
