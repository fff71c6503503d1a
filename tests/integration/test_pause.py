"""`mal flows pause|resume|archive --drain` on a real Kafka and Postgres with a worker: held, and taken from the log
again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE
from engine.flow import Flow
from engine.types import FlowId
from streams.controls import NotAppliedError
from streams.resuming import take_again
from streams.standing import all_applied
from streams.topics import EXECUTIONS
from tests.cli.conftest import rows, run_mal
from tests.support.flows import event
from tests.support.pipeline import PARTITIONS, Pipeline, values

pytestmark = pytest.mark.services

CONTACTS = ("ada", "ben", "cleo", "dan", "eva")


class Stage:
    """A published flow of a campaign of its own, with `mal` to pause it."""

    def __init__(self, pipeline: Pipeline, name: str, folder: Path) -> None:
        self.pipeline, self.name = pipeline, name
        file = folder / f"{name}.json"
        nodes: list[dict[str, Any]] = [
            {"ref": "opened", "type": "trigger", "subtype": "email_open", "config": {"campaignId": name}},
            {"ref": "wait", "type": "action", "subtype": "delay", "config": {"delaySeconds": 200}},
            {"ref": "tag", "type": "action", "subtype": "tag_contact", "config": {"tag": "warm"}},
        ]
        edges = [
            {"sourceNodeId": "opened", "targetNodeId": "wait"}, {"sourceNodeId": "wait", "targetNodeId": "tag"},
        ]  # fmt: skip
        file.write_bytes(orjson.dumps({"flow": {"name": name, "userId": "user_001"}, "nodes": nodes, "edges": edges}))
        (applied,) = rows(run_mal("flows", "apply", str(file), "--publish", "--json"))
        self.flow_id = applied["id"]

    async def send(self, *contacts: str) -> None:
        events = [event("email_open", contactId=f"{one} of {self.name}", campaignId=self.name) for one in contacts]
        await self.pipeline.send(*({**one, "id": f"e-{one['payload']['contactId']}"} for one in events))

    async def feed(self) -> list[dict[str, Any]]:
        async with self.pipeline.reading(EXECUTIONS) as reading:
            await reading.settle()
            return [record for record in values(reading.records) if record.get("flowId") == self.flow_id]

    async def until(self, count: int, **fields: Any) -> list[dict[str, Any]]:
        """Return the records with these fields once there are so many."""
        async with asyncio.timeout(20):
            while True:
                found = [one for one in await self.feed() if fields.items() <= one.items()]
                if len(found) >= count:
                    return found

    async def in_force(self) -> None:
        """Open until the worker has heard of the flow."""
        async with asyncio.timeout(20):
            for number in range(100):
                await self.send(f"probe {number}")
                if await self.feed():
                    return


@pytest.fixture
def stage(request: Any, working: Pipeline, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    monkeypatch.setenv(KAFKA_VARIABLE, working.kafka["bootstrap_servers"])
    monkeypatch.setenv(POSTGRES_VARIABLE, database)
    made = Stage(working, request.node.name, tmp_path)
    asyncio.run(made.in_force())
    return made


def test_what_comes_in_a_pause_is_held_and_taken_from_the_log_again(stage: Stage) -> None:
    (paused,) = rows(run_mal("flows", "pause", stage.name, "--json"))
    assert paused == {"id": stage.flow_id, "name": stage.name, "version": 1, "changed": True}
    applied = asyncio.run(stage.until(PARTITIONS, decision="applied", reason="paused"))
    assert {record["input"]["partition"] for record in applied} == set(range(PARTITIONS))
    asyncio.run(stage.send(*CONTACTS))
    held = asyncio.run(stage.until(len(CONTACTS), decision="held", reason="paused"))
    probe = asyncio.run(stage.until(1, status="paused"))
    assert not [one for one in probe if one["endReason"]]
    (resumed,) = rows(run_mal("flows", "resume", stage.name, "--json"))
    assert (resumed["changed"], resumed["taken"]) == (True, len(CONTACTS))
    started = asyncio.run(stage.until(len(CONTACTS), seq=1, origin="backfill"))
    assert {one["executionId"] for one in started} == {one["executionId"] for one in held}
    assert {(one["input"]["topic"], one["input"]["offset"]) for one in started} == {
        (one["input"]["topic"], one["input"]["offset"]) for one in held
    }
    asyncio.run(stage.until(len(CONTACTS) + 1, status="succeeded"))
    (again,) = rows(run_mal("flows", "resume", stage.name, "--json"))
    assert again["changed"] is False, "what a resume took is taken once, however often it is repeated"
    asyncio.run(stage.until(len(CONTACTS), reason="duplicate_event"))
    assert len([one for one in asyncio.run(stage.feed()) if one.get("seq") == 1]) == len(CONTACTS) + 1


def test_what_drains_ends_by_itself_and_nothing_new_enters(stage: Stage) -> None:
    (archived,) = rows(run_mal("flows", "archive", stage.name, "--drain", "--json"))
    assert archived["changed"] is True
    (ended,) = [one for one in asyncio.run(stage.until(1, status="succeeded")) if one["endReason"]]
    assert ended["endReason"] == "completed"
    asyncio.run(stage.send(*CONTACTS))
    started = {one["executionId"] for one in asyncio.run(stage.feed()) if one.get("seq") == 1}
    assert started == {ended["executionId"]}


def test_a_flow_that_was_never_paused_is_not_resumed(stage: Stage) -> None:
    refused = run_mal("flows", "resume", stage.name)
    assert refused.exit_code == 1
    assert f"the flow '{stage.name}' ({stage.flow_id}) is published, and was not paused before" in refused.stderr


async def test_where_a_worker_has_not_heard_of_the_change_that_is_said(working: Pipeline) -> None:
    nobody = Flow(id=FlowId("unknown"), user_id="u", name="n", created_at="", updated_at="")
    with pytest.raises(NotAppliedError, match="4 of 4 shards have not said within 1 s that flow unknown is paused"):
        await all_applied(working.kafka, nobody, "paused", 5, within_seconds=1)


async def test_of_a_flow_that_held_nothing_nothing_is_taken(working: Pipeline) -> None:
    assert await take_again(working.kafka, FlowId("unknown"), 0) == (0, 0)
