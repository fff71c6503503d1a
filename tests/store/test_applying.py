"""Flow files: found by id or name, applied all or none, and the same file twice changes nothing."""

from __future__ import annotations

import pytest

from store.applying import apply_flows
from store.errors import InvalidInputError
from store.flows import FlowStore
from store.pool import Pool
from tests.store.drawings import flow_file


async def outbox_keys(pool: Pool) -> list[str]:
    return [row["key"] for row in await pool.fetch("select key from automation_outbox order by id")]


async def test_the_same_file_twice_changes_nothing(pool: Pool) -> None:
    (first,) = await apply_flows(pool, [flow_file()])
    (again,) = await apply_flows(pool, [flow_file()])
    assert (first.changed, first.version) == (True, 0)
    assert (again.id, again.changed) == (first.id, False)
    store = FlowStore(pool)
    assert [node.ref for node in await store.get_nodes(first.id)] == ["opened", "tag"]
    assert len(await store.get_edges(first.id)) == 1
    assert await outbox_keys(pool) == []


async def test_with_publish_it_makes_a_version_for_each_change(pool: Pool) -> None:
    (first,) = await apply_flows(pool, [flow_file()], publish=True)
    (same,) = await apply_flows(pool, [flow_file()], publish=True)
    (next_one,) = await apply_flows(pool, [flow_file(tag="hot")], publish=True)
    assert [(one.version, one.changed) for one in (first, same, next_one)] == [(1, True), (1, False), (2, True)]
    assert await outbox_keys(pool) == [f"{first.id}/{part}" for part in ("1", "head", "2", "head")]


async def test_node_ids_outlive_a_change_of_the_file(pool: Pool) -> None:
    (applied,) = await apply_flows(pool, [flow_file()])
    store = FlowStore(pool)
    before = {node.ref: node.id for node in await store.get_nodes(applied.id)}
    await apply_flows(pool, [flow_file(tag="hot")])
    assert {node.ref: node.id for node in await store.get_nodes(applied.id)} == before


async def test_a_flow_is_found_by_its_id_before_its_name(pool: Pool) -> None:
    (first,) = await apply_flows(pool, [flow_file("A")])
    (renamed,) = await apply_flows(pool, [flow_file("B", id=first.id)])
    assert (renamed.id, renamed.name, renamed.changed) == (first.id, "B", True)
    with pytest.raises(InvalidInputError, match="once of this name"):
        await apply_flows(pool, [flow_file("A")])


async def test_the_same_name_in_another_scope_is_another_flow(pool: Pool) -> None:
    (mine,) = await apply_flows(pool, [flow_file()])
    (theirs,) = await apply_flows(pool, [flow_file(userId="user_002")])
    assert mine.id != theirs.id


async def test_a_flow_stays_in_its_scope(pool: Pool) -> None:
    (first,) = await apply_flows(pool, [flow_file()])
    with pytest.raises(InvalidInputError, match="belongs to user 'user_001'"):
        await apply_flows(pool, [flow_file(id=first.id, userId="user_002")])


async def test_one_file_that_cannot_be_stored_keeps_all_of_the_call_out(pool: Pool) -> None:
    with pytest.raises(InvalidInputError, match="two files are the flow 'A'"):
        await apply_flows(pool, [flow_file("B"), flow_file("A"), flow_file("A", tag="hot")], publish=True)
    assert await FlowStore(pool).list_flows() == []
    assert await outbox_keys(pool) == []


async def test_a_name_that_several_flows_have_is_no_name(pool: Pool) -> None:
    store = FlowStore(pool)
    for flow_id in ("f-1", "f-2"):
        await store.create_flow(id=flow_id, name="A", userId="user_001")
    with pytest.raises(InvalidInputError, match=r"2 flows of this scope are named 'A' \(f-1, f-2\)"):
        await apply_flows(pool, [flow_file("A")])


async def test_what_is_no_policy_is_refused_before_anything_is_stored(pool: Pool) -> None:
    with pytest.raises(InvalidInputError, match="policy is 'now'; use pin, migrate, exit"):
        await apply_flows(pool, [flow_file()], publish=True, policy="now")
    assert await FlowStore(pool).list_flows() == []


async def test_a_deleted_flow_comes_back_with_its_file(pool: Pool) -> None:
    (first,) = await apply_flows(pool, [flow_file()], publish=True)
    await FlowStore(pool).delete_flow(first.id)
    (back,) = await apply_flows(pool, [flow_file()], publish=True)
    assert (back.id, back.changed) == (first.id, True)
    found = await FlowStore(pool).get_flow(first.id)
    assert found is not None
    assert found.status == "published"
