"""Postgres as the contract has it (section 8): each execution and step once, as of the last seq; answers; decisions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.contract.lab import Lab, event, execution_id, flow_id, node_id, until

pytestmark = pytest.mark.services

FLOW = flow_id("u-story", "story")


@pytest.fixture
async def connection(lab: Lab) -> AsyncIterator[Any]:
    connected = await asyncpg.connect(lab.postgres)
    yield connected
    await connected.close()


async def _row(connection: Any, query: str, *arguments: Any) -> Any:
    """Wait for a row."""
    async with asyncio.timeout(10):
        while (row := await connection.fetchrow(query, *arguments)) is None:  # noqa: ASYNC110 -- a row of others
            await asyncio.sleep(0.1)
    return row


async def test_an_execution_has_one_row_and_one_for_each_step_as_of_the_end(lab: Lab, connection: Any) -> None:
    sent = event("email_open", "u-story", contactId=str(uuid4()), campaignId="k")
    lab.send(sent)
    execution = execution_id(FLOW, sent, ("contact", sent["payload"]["contactId"]))
    row = await _row(connection, "select * from automation_executions where id = $1", execution)
    assert (row["status"], row["end_reason"], row["finished_at"], row["seq"]) == ("running", None, None, 1)
    end = lab.ended(execution)
    await _row(connection, "select 1 from automation_executions where id = $1 and status = 'succeeded'", execution)
    (row,) = await connection.fetch("select * from automation_executions where id = $1", execution)
    assert (row["flow_id"], row["flow_version"], row["user_id"], row["workspace_id"]) == (FLOW, 1, "u-story", None)
    assert (row["seq"], row["status"], row["end_reason"], row["origin"]) == (2, "succeeded", "completed", "live")
    assert row["started_at"] == datetime.fromisoformat(end["startedAt"])
    assert row["finished_at"] == datetime.fromisoformat(end["finishedAt"])
    steps = await connection.fetch("select * from automation_execution_steps where execution_id = $1", execution)
    told = {(step["nodeId"], step["visit"]): step for record in lab.story(execution) for step in record["steps"]}
    assert len(steps) == len(told) == 6
    for step in steps:
        same = told[step["node_id"], step["visit"]]
        for column, name in (
            ("status", "status"), ("port", "port"), ("type", "type"), ("subtype", "subtype"), ("try", "try"),
            ("command_ids", "commandIds"),
        ):  # fmt: skip
            assert step[column] == same[name], column
        assert json.loads(step["output"]) == same["output"]


async def test_what_was_held_back_is_appended(lab: Lab, connection: Any) -> None:
    sent = event("email_open", "u-in", contactId=str(uuid4()))
    for _ in range(3):
        lab.send(sent)
    until(lambda: len(lab.decisions(sent["id"])) == 2, 10, "two decisions")
    query = "select * from automation_decisions where event_id = $1 order by feed_offset offset 1"
    row = await _row(connection, query, sent["id"])
    assert (row["decision"], row["reason"], row["flow_id"]) == ("suppressed", "duplicate_event", None)
    assert (row["user_id"], row["subject_type"], row["subject_id"]) == ("u-in", "contact", sent["payload"]["contactId"])
    assert await connection.fetchval("select count(*) from automation_decisions where event_id = $1", sent["id"]) == 2


async def test_answers_are_kept_and_shown_with_their_step(lab: Lab, connection: Any) -> None:
    contact = str(uuid4())
    sent = event("email_open", "u-diamond", contactId=contact)
    lab.send(sent)
    flow = flow_id("u-diamond", "diamond")
    execution = execution_id(flow, sent, ("contact", contact))
    lab.ended(execution)
    (command,) = lab.commands(execution)
    answer = {
        "commandId": command.json["id"], "attempt": 1, "status": "failed", "retryable": True,
        "error": {"code": "busy", "message": "later"}, "output": None, "finishedAt": "2026-11-01T10:30:00Z",
    }  # fmt: skip
    lab.put("tap.command-results", json.dumps(answer).encode(), contact.encode())
    lab.put("tap.command-results", json.dumps({**answer, "attempt": 2, "status": "succeeded", "error": None,
                                               "output": {"tagged": 1}}).encode(), contact.encode())  # fmt: skip
    query = "select * from automation_command_results where command_id = $1 and attempt = $2"
    first, second = [await _row(connection, query, command.json["id"], attempt) for attempt in (1, 2)]
    assert (first["status"], first["retryable"], json.loads(first["error"])["code"]) == ("failed", True, "busy")
    assert (second["status"], json.loads(second["output"])) == ("succeeded", {"tagged": 1})
    (shown,) = lab.rows("executions", "show", execution)
    step = next(step for step in shown["steps"] if step["nodeId"] == node_id(flow, "join"))
    assert [answer["status"] for answer in step["answers"]] == ["failed", "succeeded"]
    # They change nothing.
    assert len(lab.story(execution)) == 1


async def test_flows_nodes_and_edges_have_the_columns_of_their_shapes(lab: Lab, connection: Any) -> None:
    row = await connection.fetchrow("select * from automation_flows where id = $1", FLOW)
    assert (row["user_id"], row["workspace_id"], row["name"], row["trigger_type"]) == (
        "u-story",
        None,
        "story",
        "event",
    )
    assert (row["is_active"], row["status"]) == (True, "published")
    nodes = await connection.fetch("select * from automation_nodes where flow_id = $1 order by ordinal", FLOW)
    assert [node["ref"] for node in nodes] == ["start", "week", "silent", "nudge", "thanks", "last"]
    assert [node["id"] for node in nodes] == [node_id(FLOW, node["ref"]) for node in nodes]
    assert json.loads(nodes[1]["config"]) == {"delaySeconds": 3600}
    edges = await connection.fetch("select * from automation_edges where flow_id = $1 order by ordinal", FLOW)
    assert [edge["condition_label"] for edge in edges] == [None, None, "true", "false", None, None]
    assert edges[0]["source_node_id"] == node_id(FLOW, "start")
