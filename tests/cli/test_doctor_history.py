"""`mal doctor` finds what does not agree: planted on real services, each by itself, and told with what to do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE
from dev.parts import PartProcess, mal
from streams.partitioner import partition_for
from streams.topics import EXECUTIONS
from tests.cli.conftest import run_mal
from tests.support.conditions import eventually
from tests.support.flows import event, version
from tests.support.pipeline import PARTITIONS, Pipeline, running_pipeline

pytestmark = pytest.mark.services

COMMANDS = "tap.list-builder.commands"
OPENS = "tap.email-engine.events"
EVENTS = 30


@pytest.fixture
def pipeline(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    with running_pipeline(tmp_path) as running:
        monkeypatch.setenv(KAFKA_VARIABLE, running.broker.bootstrap)
        monkeypatch.setenv(POSTGRES_VARIABLE, database)
        yield running


def doctor(*arguments: str) -> dict[str, dict[str, Any]]:
    """What it finds, by what it looked at; it must exit by that."""
    answer = run_mal("doctor", "--json", *arguments)
    findings = [orjson.loads(line) for line in answer.stdout.splitlines()]
    assert answer.exit_code == (0 if all(one["ok"] for one in findings) else 1), answer.output
    return {finding["check"]: finding for finding in findings}


def wrong(check: str, *words: str, since: str | None = "1h") -> str:
    """What it says to one thing that is wrong; everything else it looked at is well."""
    findings: dict[str, dict[str, Any]] = {}

    def only_that_is_wrong() -> bool:
        findings.update(doctor(*(["--from", since] if since else [])))
        return {name for name, one in findings.items() if not one["ok"]} == {check}

    # A broker that was just told, or just started, needs a moment.
    eventually(only_that_is_wrong, what=f"{check} is wrong, and nothing else")
    detail: str = findings[check]["detail"]
    for word in words:
        assert word in detail
    return detail


async def execute(statement: str, *arguments: Any) -> Any:
    connection = await asyncpg.connect(os.environ[POSTGRES_VARIABLE])
    try:
        return await connection.fetchval(statement, *arguments)
    finally:
        await connection.close()


def write_all(folder: Path) -> None:
    """Have a real audit write what is on the feed."""
    audit = PartProcess(mal("audit", "audit"), folder, {**os.environ, "MAL_LOG_LEVEL": "WARNING"})
    audit.start()
    try:
        eventually(
            lambda: doctor()["audit"]["detail"].endswith("nothing to read"), 90, "the audit has written the feed"
        )
    finally:
        audit.stop()


async def worked(pipeline: Pipeline) -> None:
    """Events through a real worker: executions with a command each, and a duplicate that is suppressed."""
    tag = {"opened": ("email_open", {}), "tag": ("tag_contact", {"tag": "x"})}
    await pipeline.publish(version(tag, "opened>tag"))
    worker = pipeline.worker()
    await worker.begin()
    opens = [{**event("email_open", contactId=f"c{n}", campaignId="k"), "id": f"e{n}"} for n in range(EVENTS)]
    await pipeline.send(*opens, opens[0])
    await pipeline.read(EXECUTIONS, EVENTS + 1)
    worker.stop()


def test_what_is_missing_between_feed_commands_and_audit_is_named(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(worked(pipeline))
    write_all(tmp_path)
    findings = doctor("--from", "1h")
    assert all(finding["ok"] for finding in findings.values())
    assert findings["feed"]["detail"].startswith(f"{EVENTS + 1} records, none missing")
    assert findings["commands"]["detail"].startswith(f"{EVENTS}, each in a step")
    assert findings["audit rows"]["detail"] == f"{EVENTS} executions, {2 * EVENTS} steps, 1 decisions, as on the feed"
    empty = doctor("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z")
    assert empty["feed"]["detail"].startswith("0 records")

    lost = asyncio.run(execute("delete from automation_executions where subject_id = 'c3' returning id"))
    asyncio.run(execute("delete from automation_execution_steps where execution_id = $1", lost))
    step = asyncio.run(
        execute(
            "delete from automation_execution_steps where execution_id ="
            " (select id from automation_executions where subject_id = 'c4') and node_id = 'tag' returning execution_id"
        )
    )
    asyncio.run(execute("delete from automation_decisions"))
    wrong("audit rows", f"1 executions of the feed are not in automation_executions: {lost}",
          f"1 steps of the feed are not in automation_execution_steps: tag of {step}",
          "1 decisions of the feed are not in automation_decisions: mal.executions:", "next_offset")  # fmt: skip
    asyncio.run(execute("update automation_audit_positions set next_offset = 0"))
    write_all(tmp_path)
    assert doctor("--from", "1h")["audit rows"]["ok"]

    for _ in range(2):
        asyncio.run(_plant_a_command_of_no_step(pipeline))
    wrong("commands", "1 were sent more than once: 11111111-", "1 stand in no step of the feed: 11111111-",
          "are they older than the retention")  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setenv("MAL_PROCESSING", "at_least_once")
        allowed = doctor("--from", "1h")["commands"]
        assert allowed["ok"]
        assert "1 were sent more than once: 11111111-" in allowed["detail"]
        assert "at_least_once may do that after a crash" in allowed["detail"]
    asyncio.run(_plant_a_step_without_its_command(pipeline))
    write_all(tmp_path)
    findings = doctor("--from", "1h")
    assert not findings["feed"]["ok"]
    assert "1 executions lack a record: x-planted; 1 executions have a record twice" in findings["feed"]["detail"]
    assert "1 that a step made are on no commands topic: 22222222-" in findings["commands"]["detail"]
    assert findings["audit rows"]["ok"]


async def _plant_a_command_of_no_step(pipeline: Pipeline) -> None:
    command = {"id": "11111111-0000-0000-0000-000000000000", "executionId": "x-nobody", "type": "tag_contact"}
    await pipeline.put(COMMANDS, b"c1", orjson.dumps(command))


async def _plant_a_step_without_its_command(pipeline: Pipeline) -> None:
    (sample, *_) = [
        orjson.loads(record.value) for record in await pipeline.read(EXECUTIONS, EVENTS) if record.key == b"c5"
    ]
    planted = {**sample, "executionId": "x-planted"}
    planted["steps"][1]["commandIds"] = ["22222222-0000-0000-0000-000000000000"]
    for seq in (1, 3):
        await pipeline.put(EXECUTIONS, b"c5", orjson.dumps({**planted, "seq": seq}))
    await pipeline.put(EXECUTIONS, b"c5", orjson.dumps(sample))


def test_a_transaction_that_is_left_open_is_named_with_its_writer_and_how_to_end_it(pipeline: Pipeline) -> None:
    asyncio.run(_stuck(pipeline))


async def _stuck(pipeline: Pipeline) -> None:
    partition = partition_for(b"someone", PARTITIONS)
    kafka = pipeline.kafka
    async with AIOKafkaProducer(**kafka, transactional_id="half-done", transaction_timeout_ms=300_000) as stuck:
        await stuck.begin_transaction()
        await stuck.send_and_wait(OPENS, b"{}", key=b"someone")
        young = await asyncio.to_thread(doctor)
        assert young["transactions"]["detail"] == "1 partitions wait for one that is young"
        async with asyncio.timeout(40):
            while (seen := (await asyncio.to_thread(doctor))["transactions"])["ok"]:  # noqa: ASYNC110 -- bounded above
                await asyncio.sleep(0.5)
        await stuck.abort_transaction()
    assert f"{OPENS}:{partition} cannot be read on from 0: half-done is open for" in seen["detail"]
    assert "Kafka ends it after 300" in seen["detail"]
    abort = f"`kafka-transactions.sh abort --topic {OPENS} --partition {partition} --start-offset 0`"
    assert abort in seen["detail"]
    assert (await asyncio.to_thread(doctor))["transactions"]["detail"] == "none is open"


def test_a_topic_that_would_lose_what_must_be_kept_is_named_with_its_setting(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_alter(pipeline, {"cleanup.policy": "delete", "retention.ms": "1000", "retention.bytes": "-1"}))
    asked = ("mal.executions has retention.ms=1000, it needs -1", "--entity-name mal.executions --add-config")
    wrong("topic settings", *asked, since=None)
    more = {"cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": str(64 * 1024 * 1024)}
    asyncio.run(_alter(pipeline, more))
    eventually(lambda: bool(doctor()["topic settings"]["ok"]), what="more than what is needed is well")
    monkeypatch.setenv("MAL_ENV", "production")
    wrong("topic settings", "partitions have 1 replica in production", since=None)


async def _alter(pipeline: Pipeline, settings: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(**pipeline.kafka)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, EXECUTIONS, configs=settings)])
    finally:
        await admin.close()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--to", "1h"), "--to needs --from"),
        (("--from", "1h", "--to", "2h"), "--from 1h is not before --to 2h"),
        (("--from", "soon"), "is no time"),
    ],
)
def test_a_range_that_is_none_is_refused(arguments: tuple[str, ...], why: str) -> None:
    answer = run_mal("doctor", *arguments)
    assert answer.exit_code == 2
    assert why in answer.stderr.replace("\n", " ")
