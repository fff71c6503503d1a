"""`mal executions pause|resume|cancel|retry` on a real Kafka with a worker: asked, done, and told on the feed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE
from engine.flow import FlowVersion
from engine.types import ExecutionId, Subject
from store.audit.writing import AuditWriter
from store.pool import create_pool
from streams.controls import NotAppliedError, control_execution
from streams.topics import EXECUTIONS
from tests.cli.conftest import rows, run_mal
from tests.store.records import batch, log
from tests.support.flows import event, version
from tests.support.pipeline import Pipeline, values

pytestmark = pytest.mark.services

COMMANDS = "tap.list-builder.commands"


def flow(campaign: str) -> FlowVersion:
    """Waits 3 s (MAL_TIME_SCALE is 100), then tags; beside that, a task for a release that only facts can name."""
    return version(
        {
            "opened": ("email_open", {"campaignId": campaign}),
            "wait": ("delay", {"delaySeconds": 300}),
            "tag": ("tag_contact", {"tag": "warm"}),
            "task": ("create_release_task", {"title": "call", "releaseIdField": "contact.releaseId"}),
        },
        "opened>wait opened>task wait>tag",
        flow_id=f"flow of {campaign}",
    )


class Story:
    """One execution of a contact of its own, with `mal` to act on it."""

    def __init__(self, pipeline: Pipeline, database: str, contact: str) -> None:
        self.pipeline, self.database, self.contact = pipeline, database, contact

    async def begin(self) -> str:
        """Publish, open, and write into Postgres what the feed then says; return the id of the execution."""
        campaign = f"k-{self.contact}"
        await self.pipeline.publish(flow(campaign))
        started: list[dict[str, Any]] = []
        async with asyncio.timeout(20):
            for number in range(100):
                opened = {**event("email_open", contactId=self.contact, campaignId=campaign), "id": f"e-{number}"}
                await self.pipeline.send(opened)
                started = await self.feed(settle=True)
                if started:
                    break
        pool = await create_pool(self.database)
        try:
            await AuditWriter(pool).write_feed(batch(log(started[:1])))
        finally:
            await pool.close()
        return str(started[0]["executionId"])

    async def feed(self, *, settle: bool = False) -> list[dict[str, Any]]:
        async with self.pipeline.reading(EXECUTIONS) as reading:
            await reading.settle()
            told = values(reading.records)
        assert settle or told
        return [record for record in told if (record["subject"] or {}).get("id") == self.contact and "seq" in record]

    async def until(self, status: str, within_seconds: float = 20.0) -> dict[str, Any]:
        """Return the newest record of the execution once it stands so."""
        async with asyncio.timeout(within_seconds):
            while True:
                newest = (await self.feed())[-1]
                if newest["status"] == status:
                    return newest

    async def tags(self) -> int:
        async with self.pipeline.reading(COMMANDS) as reading:
            await reading.settle()
            return len([record for record in reading.records if record.key == self.contact.encode()])


@pytest.fixture
def story(request: Any, working: Pipeline, database: str, monkeypatch: pytest.MonkeyPatch) -> Story:
    monkeypatch.setenv(KAFKA_VARIABLE, working.kafka["bootstrap_servers"])
    monkeypatch.setenv(POSTGRES_VARIABLE, database)
    return Story(working, database, request.node.name)


def mal(verb: str, execution: str) -> dict[str, Any]:
    (answer,) = rows(run_mal("executions", verb, execution, "--json"))
    return answer


def test_pause_holds_it_and_resume_lets_it_go_on(story: Story) -> None:
    execution = asyncio.run(story.begin())
    assert mal("pause", execution) == {"executionId": execution, "status": "paused", "endReason": None}

    async def held() -> None:
        async with asyncio.timeout(20):
            while (await story.feed())[-1]["seq"] < 3:  # it started, was paused, its wait was over
                pass
        assert (await story.until("paused"))["waiting"] == []
        assert await story.tags() == 0

    asyncio.run(held())
    assert mal("resume", execution) == {"executionId": execution, "status": "partial", "endReason": "completed"}
    assert asyncio.run(story.tags()) == 1


def test_cancel_ends_it_and_nothing_more_is_sent(story: Story) -> None:
    execution = asyncio.run(story.begin())
    assert mal("cancel", execution) == {"executionId": execution, "status": "cancelled", "endReason": "cancelled"}
    refused = run_mal("executions", "resume", execution)
    assert refused.exit_code == 1
    assert f"resume of execution {execution} was not done: it has ended" in refused.stderr
    assert asyncio.run(story.tags()) == 0


def test_retry_goes_on_from_what_failed(story: Story) -> None:
    execution = asyncio.run(story.begin())
    asyncio.run(story.until("partial"))
    told = event(
        "context_updated", "fusion_layer", entityType="contact", entityId=story.contact, attributes={"releaseId": "r"}
    )
    asyncio.run(story.pipeline.send(told))
    assert mal("retry", execution) == {"executionId": execution, "status": "succeeded", "endReason": "completed"}
    refused = run_mal("executions", "retry", execution)
    assert (refused.exit_code, "only an execution that ended because steps failed" in refused.stderr) == (1, True)


def test_an_execution_nobody_knows_is_refused(story: Story) -> None:
    refused = run_mal("executions", "pause", "nothing")
    assert (refused.exit_code, "no execution 'nothing'" in refused.stderr) == (1, True)


async def test_where_no_worker_decides_it_that_is_said(working: Pipeline) -> None:
    with pytest.raises(NotAppliedError, match="no worker has decided pause of execution x-1 within"):
        await control_execution(
            working.kafka, "pause", ExecutionId("x-1"), Subject("contact", "nobody"),
            user_id="u", workspace_id=None, within_seconds=0.001,
        )  # fmt: skip
