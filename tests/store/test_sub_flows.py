"""A flow that needs a version of another gets it settled at its publish, and that version stays as long as it does."""

from __future__ import annotations

from typing import Any

import pytest

from engine.files import FlowFile, read_flow_file
from engine.types import FlowId
from store.applying import apply_flows
from store.errors import InvalidFlowError
from store.flows import FlowStore
from store.pool import Pool
from store.retirement import retire_if_ended, superseded_before

NOW_MS = 10**13


def file(flow_id: str, trigger: str, action: tuple[str, dict[str, Any]], **flow: Any) -> FlowFile:
    read = read_flow_file({
        "flow": {"id": flow_id, "name": flow_id, "userId": "user_001", **flow},
        "nodes": [
            {"ref": "start", "type": "trigger", "subtype": trigger},
            {"ref": "act", "type": "action", "subtype": action[0], "config": action[1]},
        ],
        "edges": [{"sourceNodeId": "start", "targetNodeId": "act"}],
    })  # fmt: skip
    assert read.file is not None, read.validation
    return read.file


def caller(**config: Any) -> FlowFile:
    return file("a-caller", "email_open", ("run_flow", {"flowId": "callee", "wait": True, **config}))


def callee(tag: str = "warm", **flow: Any) -> FlowFile:
    return file("callee", flow.pop("trigger", "manual_trigger"), ("tag_contact", {"tag": tag}), **flow)


async def published(pool: Pool, *files: FlowFile, at_ms: int = 1_000) -> dict[str, int]:
    return {one.id: one.version for one in await apply_flows(pool, files, publish=True, now_ms=lambda: at_ms)}


async def settled(pool: Pool, version: int) -> Any:
    frozen = await FlowStore(pool).get_version("a-caller", version)
    assert frozen is not None
    return frozen.nodes[1].config.get("version")


async def test_it_is_the_latest_at_the_publish_and_a_newer_one_is_taken_by_the_next(pool: Pool) -> None:
    await published(pool, callee("one"))
    await published(pool, callee("two"))
    assert await published(pool, caller()) == {"a-caller": 1}
    assert await published(pool, caller()) == {"a-caller": 1}, "nothing is new"
    await published(pool, callee("three"))
    assert await published(pool, caller()) == {"a-caller": 2}
    assert [await settled(pool, version) for version in (1, 2)] == [2, 3]
    draft = await FlowStore(pool).get_draft(FlowId("a-caller"))
    assert draft.nodes[1].config["version"] == 3, "a draft is compared with what a publish would make of it"
    assert (await FlowStore(pool).get_nodes(FlowId("a-caller")))[1].config == {"flowId": "callee", "wait": True}


async def test_files_that_need_each_other_are_published_in_an_order_that_works(pool: Pool) -> None:
    assert await published(pool, caller(), callee()) == {"a-caller": 1, "callee": 1}
    assert await settled(pool, 1) == 1


async def test_one_that_is_named_is_that_one_whether_it_is_waited_for_or_not(pool: Pool) -> None:
    await published(pool, callee("one"))
    await published(pool, callee("two"))
    await published(pool, caller(version=1))
    await published(pool, caller(version=1, wait=False))
    await published(pool, caller(wait=False))
    assert [await settled(pool, version) for version in (1, 2, 3)] == [1, 1, None]


@pytest.mark.parametrize(
    ("files", "config", "words"),
    [
        ([], {}, 'there is no flow "callee" in this scope'),
        ([callee(userId="user_002")], {}, 'there is no flow "callee" in this scope'),
        ([callee(trigger="email_open")], {}, "is not started by manual_trigger"),
        ([callee()], {"version": 7}, "has no version 7 any more; leave it out to take the latest, 1"),
    ],
)
async def test_one_that_cannot_be_had_is_a_problem_of_the_node(
    pool: Pool, files: list[FlowFile], config: dict[str, Any], words: str
) -> None:
    if files:
        await published(pool, *files)
    with pytest.raises(InvalidFlowError) as refused:
        await published(pool, caller(**config))
    (found,) = refused.value.problems
    assert found.path == "nodes[1].config.flowId"
    assert words in found.message


async def test_one_that_is_a_draft_or_archived_is_refused(pool: Pool) -> None:
    await apply_flows(pool, [callee()])
    with pytest.raises(InvalidFlowError, match="is draft, not published"):
        await published(pool, caller())
    await published(pool, callee())
    await FlowStore(pool).archive_flow(FlowId("callee"))
    with pytest.raises(InvalidFlowError, match="is archived, not published"):
        await published(pool, caller())


async def test_a_version_stays_as_long_as_one_that_needs_it(pool: Pool) -> None:
    await published(pool, callee("one"), at_ms=1_000)
    await published(pool, caller(), at_ms=2_000)
    await published(pool, callee("two"), at_ms=3_000)
    (old,) = await superseded_before(pool, 9_000)
    assert (old.flow_id, old.version) == ("callee", 1)
    assert await retire_if_ended(pool, old, NOW_MS) is False
    await published(pool, caller(), at_ms=4_000)
    needing = next(one for one in await superseded_before(pool, 9_000) if one.flow_id == "a-caller")
    assert await retire_if_ended(pool, old, NOW_MS) is False
    assert await retire_if_ended(pool, needing, NOW_MS)
    assert await retire_if_ended(pool, old, NOW_MS)
