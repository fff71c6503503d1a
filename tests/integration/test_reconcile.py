"""Everything that a rich run did is in Postgres, and adds up there: matches, executions, and the reason of each thing.

The sums are those of `store.reconcile`, and the comparison with Kafka is the demo's; this run has what a demo that has
to come to rest cannot show: entry rules, holdouts, caps and hours, pauses with held matches, waits that go on, exits.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE
from dev.demo_checks import nothing_missing
from dev.demo_watch import KafkaWatch, audit_behind, read_audit
from engine import ids
from store.pool import Pool, create_pool
from store.reconcile import FlowSums, sum_flows
from tests.cli.conftest import rows, run_mal
from tests.integration.rich_run import USER, file, flow_files
from tests.support.flows import event
from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.services

SEED = 11
CONTACTS = [f"person-{number}" for number in range(20)]
WITHIN_SECONDS = 60.0


def flow_id(name: str) -> str:
    return ids.flow_id(USER, None, name)


def all_flows() -> list[Any]:
    return flow_files(flow_id("child"), flow_id("slow-child"))


class Run:
    """What was sent, with `mal` and Postgres to look at what came of it."""

    def __init__(self, pipeline: Pipeline, database: str, folder: Path) -> None:
        self.pipeline, self.database, self.folder = pipeline, database, folder
        self.sent = 0
        self.chance = random.Random(SEED)
        self.expected: Counter[str] = Counter()
        self.names = [one["flow"]["name"] for one in all_flows()]

    def mal(self, *arguments: str) -> list[dict[str, Any]]:
        return rows(run_mal(*arguments, "--json"))

    def publish(self, *files: Any) -> None:
        paths = [self.folder / f"{one['flow']['name']}.json" for one in files]
        for path, one in zip(paths, files, strict=True):
            path.write_bytes(orjson.dumps(one))
        self.mal("flows", "apply", *map(str, paths), "--publish")

    async def send(self, *events: dict[str, Any]) -> None:
        await self.pipeline.send(*events)
        self.sent += len(events)

    def opens(self, count: int, *, but: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Opens of people by chance, each of which matches every flow but those, and lets `parent` start `child`."""
        opened = [
            event("email_open", user=USER, contactId=self.chance.choice(CONTACTS), campaignId=self.chance.choice("kl"))
            for _ in range(count)
        ]
        for name in self.names:
            self.expected[name] += 0 if name in but else count
        return [{**one, "id": f"open-{self.sent + number}"} for number, one in enumerate(opened)]

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[Pool]:
        pool = await create_pool(self.database)
        try:
            yield pool
        finally:
            await pool.close()

    async def decided(self, **none_of: str) -> None:
        """Return once each match is there, and nothing of what each of these selects."""
        async with self.pool() as pool:
            deadline = time.monotonic() + WITHIN_SECONDS
            while True:
                sums = await sum_flows(pool)
                matched = {name: sums[flow_id(name)].matched for name in self.names if flow_id(name) in sums}
                left = {why: await pool.fetchval(f"select count(*) from {of}") for why, of in none_of.items()}
                if matched == self.expected and not any(left.values()):
                    return
                assert time.monotonic() < deadline, (matched, self.expected, left)
                await asyncio.sleep(0.1)


@pytest.fixture
def run(pipeline: Pipeline, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    monkeypatch.setenv(KAFKA_VARIABLE, pipeline.kafka["bootstrap_servers"])
    monkeypatch.setenv(POSTGRES_VARIABLE, database)
    audit = pipeline.worker("audit", "audit", MAL_POSTGRES_DSN=database)
    asyncio.run(pipeline.worker().begin())
    asyncio.run(audit.begin())
    yield Run(pipeline, database, tmp_path)
    audit.stop()


async def in_force(run: Run) -> None:
    """Click until a flow that was published last is started."""
    async with asyncio.timeout(20), run.pool() as pool:
        while not (await sum_flows(pool)).get(flow_id("probe")):
            await run.send({**event("email_click", user=USER, contactId="nobody"), "id": f"click-{run.sent}"})


def execution_of(run: Run, name: str, status: str = "running") -> str:
    return str(
        run.mal("executions", "list", "--flow", flow_id(name), "--status", status, "--limit", "1")[0]["executionId"]
    )


async def people_do(run: Run) -> None:
    """What is no match: replies and tags, repeats, events of nobody, and such that commands caused too deeply."""
    replies = [event("email_reply", user=USER, contactId=one, campaignId="k") for one in CONTACTS[:8]]
    tags = [event("contact_tagged", "list_builder", USER, contactId=one, tag="gone") for one in CONTACTS[6:12]]
    opened = event("email_open", user=USER, contactId=CONTACTS[0], campaignId="k")
    nobody = {**opened, "metadata": {}}
    deep = {**tags[0], "metadata": {"userId": USER, "depth": 11}}  # an open would be a person's doing, at depth 0
    others = [{**one, "id": f"other-{number}"} for number, one in enumerate([*replies, *tags, nobody, deep])]
    await run.send(*others, *others[:3])


def test_all_that_a_rich_run_did_adds_up_in_postgres(run: Run) -> None:
    run.publish(*all_flows())
    run.publish(file("probe", {}, "", trigger="email_click"))
    asyncio.run(in_force(run))
    first = run.opens(60)
    asyncio.run(run.send(*first, *first[:10]))
    asyncio.run(run.decided())
    cancelled, paused = (execution_of(run, name) for name in ("one-at-a-time", "hears"))
    run.mal("executions", "cancel", cancelled)
    run.mal("executions", "pause", paused)
    for name in ("pauses", "stays-paused", "skips-on-resume"):
        run.mal("flows", "pause", name)
    asyncio.run(run.send(*run.opens(40)))
    asyncio.run(people_do(run))
    asyncio.run(run.decided())
    run.mal("flows", "resume", "pauses")
    run.mal("flows", "resume", "skips-on-resume")
    run.mal("flows", "archive", "archived")
    asyncio.run(run.send(*run.opens(10, but=("archived",))))
    # At rest: what waits still, waits for longer than this test may take, so both are looked at in one state.
    short = "automation_executions, jsonb_array_elements(waiting) as wait where status = 'running'"
    asyncio.run(run.decided(short=f"{short} and (wait->>'until')::timestamptz < now() + interval '10 minutes'"))
    asyncio.run(verify(run))


async def verify(run: Run) -> None:
    watch = KafkaWatch(run.pipeline.kafka)
    async with run.pool() as pool:
        await watch.start()
        async with asyncio.timeout(WITHIN_SECONDS):
            while await audit_behind(pool, watch.census):  # noqa: ASYNC110 -- the audit's process tells nobody
                await asyncio.sleep(0.1)
        await watch.stop()
        audit = await read_audit(pool)
        assert audit.unexplained == []
        assert [check for check in nothing_missing(watch.census, audit, published=run.sent) if not check.ok] == []
        ends = await pool.fetch("select distinct end_reason from automation_executions")
        waits = await pool.fetch("select distinct jsonb_array_elements(waiting)->>'for' from automation_executions")
    by_name = {name: audit.flows[flow_id(name)] for name in run.names}
    assert {name: found for name, found in by_name.items() if not found.reconciles} == {}
    assert {name: found.matched for name, found in by_name.items()} == {name: run.expected[name] for name in run.names}
    # Nothing is trivially right: each sum is there, and each reason.
    assert all(sum(found[place] for found in by_name.values()) for place in range(len(FlowSums._fields)))
    assert (by_name["stays-paused"].held, by_name["pauses"].held, by_name["skips-on-resume"].held) == (50, 0, 0)
    assert by_name["skips-on-resume"].suppressed == 40
    assert by_name["stays-paused"].running > 0
    assert set(audit.decisions) >= {
        *(("suppressed", reason) for reason in (
            "already_entered", "cooldown", "max_running", "holdout", "capped", "quiet_hours", "expired",
            "duplicate_event", "unscoped", "too_deep", "skipped_on_resume",
        )),
        *(("held", reason) for reason in ("paused", "capped", "quiet_hours")), ("counted", "goal"),
    }  # fmt: skip
    assert {row[0] for row in ends} == {None, "completed", "exited", "goal", "cancelled", "archived"}
    assert {row[0] for row in waits} >= {"delay", "event", "cap"}
    assert {status for _, status in audit.executions} == {
        "running", "paused", "succeeded", "failed", "partial", "cancelled",
    }  # fmt: skip
