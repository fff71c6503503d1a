"""What a flow may do to its shard, on a real Kafka: a row that its topic does not take would stop it for ever."""

from __future__ import annotations

from typing import Any

import pytest

from engine.budget import MAX_STATE_BYTES
from tests.integration.test_worker import command_of, feed_of, in_force, opened
from tests.support.flows import version
from tests.support.pipeline import Pipeline, values

pytestmark = pytest.mark.services


async def test_a_flow_that_keeps_forty_copies_of_a_large_event_fails_a_step_and_the_shard_goes_on(
    working: Pipeline,
) -> None:
    names = [f"n{number}" for number in range(40)]
    nodes: dict[str, Any] = {
        "t": ("email_open", {"campaignId": "k-greedy"}),
        **dict.fromkeys(names, ("log_event", {"message": "{{ event.body }}"})),
        "w": ("delay", {"delaySeconds": 100}),  # a second: MAL_TIME_SCALE is 100
        "tag": ("tag_contact", {"tag": "after"}),
    }
    edges = " ".join([*(f"t>{name}" for name in names), "t>w w>tag"])
    await in_force(working, version(nodes, edges, flow_id="greedy"), "k-greedy")
    event = opened("gus", "k-greedy", "e-gus")
    event["payload"]["body"] = "x" * 1_000_000
    await working.send(event)
    first, last = await feed_of(working, "gus", 2)
    codes = [(step["error"] or {}).get("code") for step in first["steps"] if step["nodeId"] in names]
    assert set(codes) == {None, "state_too_large"}
    assert codes.count(None) == MAX_STATE_BYTES // 1_000_000 - 1  # and the event itself
    assert (first["status"], last["status"]) == ("running", "partial")
    (command,) = values([await command_of(working, "gus")])
    assert command["payload"]["tag"] == "after"
