"""`mal audit` on a real Kafka and Postgres: killed, doubled, frozen, and without its database for a while."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from dev.kafka import KafkaBroker
from dev.postgres import PostgresServer
from dev.services import serving
from store import outbox, reconcile
from store.migrate import migrate
from store.pool import Pool, create_pool
from streams.topics import COMMAND_RESULTS, EXECUTIONS, FLOWS
from tests.audit.auditing import PARTITIONS, Audit, feeding, make_topics
from tests.store.records import answer, decision, execution, step
from tests.support.conditions import until

pytestmark = [pytest.mark.services, pytest.mark.fault]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka for these tests alone: the topics have fixed names."""
    with serving(KafkaBroker(tmp_path_factory.mktemp("kafka"), heap_megabytes=384)) as started:
        asyncio.run(make_topics(started.bootstrap))
        yield started.bootstrap


@pytest.fixture
async def audits(tmp_path: Path, broker: str, database: str) -> AsyncIterator[list[Audit]]:
    folders = [tmp_path / str(number) for number in range(2)]
    for folder in folders:
        folder.mkdir()
    made = [Audit(folder, broker, database) for folder in folders]
    yield made
    for audit in made:
        audit.discard()


async def ends(broker: str) -> dict[tuple[str, int], int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, at) for topic in (EXECUTIONS, COMMAND_RESULTS) for at in range(PARTITIONS)]
        found = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    return {(one.topic, one.partition): end for one, end in found.items()}


async def until_all_is_written(pool: Pool, broker: str, within_seconds: float = 30.0) -> None:
    """Return when the audit has come to where the topics end now; the marker of the last commit may be yet to come."""
    wanted = await ends(broker)

    async def is_written() -> bool:
        positions = await reconcile.audit_positions(pool)
        return all(0 <= positions.get(partition, 0) - end <= 1 for partition, end in wanted.items())

    await until(is_written, "all is written", within_seconds=within_seconds)


def history(prefix: str, number: int) -> list[tuple[int, dict[str, Any]]]:
    """Return what happened in one transaction: a short execution, parts of a long one, and something held back."""
    at = number % PARTITIONS
    long = f"{prefix}-long-{number // 10}"
    part = number % 10 + 1
    return [
        (at, execution(f"{prefix}-{number}", steps=[step("n-1"), step("n-2", commandIds=[f"{prefix}-c-{number}"])])),
        (
            (number // 10) % PARTITIONS,
            execution(long, seq=part, status="succeeded" if part == 10 else "running", steps=[step(f"n-{part}")]),
        ),
        (at, decision(f"{prefix}-{number}", executionId=f"{prefix}-{number}")),
    ]


async def check_history(pool: Pool, prefix: str, transactions: int) -> None:
    """Fail unless each of the transactions is there exactly once."""
    like = f"{prefix}-%"
    counted = "select status, seq, count(*) from automation_executions where id like $1 group by status, seq"
    found = await pool.fetch(counted, like)
    assert {(row[0], row[1]): row[2] for row in found} == {
        ("succeeded", 1): transactions, ("succeeded", 10): transactions // 10,
    }  # fmt: skip
    steps = await pool.fetchval("select count(*) from automation_execution_steps where execution_id like $1", like)
    assert steps == 3 * transactions
    held_back = await pool.fetch("select event_id from automation_decisions where event_id like $1", like)
    assert sorted(row[0] for row in held_back) == sorted(f"{prefix}-{number}" for number in range(transactions))


async def feed_all(broker: str, prefix: str, transactions: range) -> None:
    async with feeding(broker, f"{prefix}-{transactions.start}") as feed:
        for number in transactions:
            await feed.write(history(prefix, number))
            if number % 7 == 0:
                await feed.write(history(f"aborted-{prefix}", number), aborted=True)


async def test_killed_again_and_again_it_writes_each_record_once(pool: Pool, broker: str, audits: list[Audit]) -> None:
    audit = audits[0]
    feeder = asyncio.create_task(feed_all(broker, "killed", range(120)))
    for _ in range(3):
        audit.start()
        await until(audit.is_ready, "the audit is ready")
        await asyncio.sleep(0.7)  # somewhere in the middle
        audit.kill()
    await feeder
    async with feeding(broker, "answers") as feed:
        answers = [(number % PARTITIONS, answer(f"killed-c-{number}")) for number in range(120)]
        await feed.write([*answers, *answers[:40]], topic=COMMAND_RESULTS)
        await feed.write([(0, b"not ours")])
    audit.start()
    await until_all_is_written(pool, broker)
    await check_history(pool, "killed", 120)
    assert await reconcile.count_answers(pool) == 120
    made = await reconcile.command_ids(pool)
    assert {f"killed-c-{number}": 1 for number in range(120)}.items() <= made.items()
    assert audit.stop() == 0
    assert await audit.says("is skipped: it is no JSON")
    assert not await audit.says("Traceback")


async def test_two_share_the_work_and_one_that_was_frozen_doubles_nothing(
    pool: Pool, broker: str, audits: list[Audit]
) -> None:
    first, second = audits
    for audit in audits:
        audit.start()
    for audit in audits:
        await until(audit.is_ready, "the audit is ready")
    await feed_all(broker, "frozen", range(30))
    feeder = asyncio.create_task(feed_all(broker, "frozen", range(30, 90)))
    await asyncio.sleep(0.3)
    first.signal(signal.SIGSTOP)
    await feeder
    # Its session ends, and Postgres ends the transaction it may be frozen in: the second takes over all partitions.
    await until_all_is_written(pool, broker, 90)
    first.signal(signal.SIGCONT)
    await feed_all(broker, "frozen", range(90, 120))
    await until_all_is_written(pool, broker)
    await check_history(pool, "frozen", 120)
    assert [first.stop(), second.stop()] == [0, 0]


async def test_while_postgres_is_away_it_waits_says_so_once_and_goes_on(broker: str, tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", durable=True)
    audit: Audit | None = None
    try:
        server.start()
        server.wait_ready()
        await migrate(server.dsn)
        audit = Audit(tmp_path, broker, server.dsn)
        audit.start()
        await until(audit.is_ready, "the audit is ready")
        await feed_all(broker, "away", range(40))
        server.kill()
        await feed_all(broker, "away", range(40, 80))
        await asyncio.sleep(2.0)
        assert audit.is_running()
        server.start()
        server.wait_ready()
        pool = await create_pool(server.dsn)
        try:
            await until_all_is_written(pool, broker)
            await check_history(pool, "away", 80)
        finally:
            await pool.close()
        assert audit.read_log().count("the audit cannot write") == 2
        server.stop()
        await feed_all(broker, "away-again", range(10))
        assert audit.stop() == 0
    finally:
        if audit is not None:
            audit.discard()
        server.stop()


async def test_a_broker_that_is_killed_and_comes_back_is_read_on(pool: Pool, database: str, tmp_path: Path) -> None:
    own = KafkaBroker(tmp_path / "kafka", heap_megabytes=384)
    audit: Audit | None = None
    try:
        own.start()
        own.wait_ready()
        await make_topics(own.bootstrap)
        audit = Audit(tmp_path, own.bootstrap, database)
        audit.start()
        await until(audit.is_ready, "the audit is ready")
        await feed_all(own.bootstrap, "bounced", range(20))
        # A one-node Kafka killed before the marker of its last transaction is on disk does not write it later: the
        # partition's stable end stays behind for good, for any reader. What is shown here is the audit, not that.
        await until_all_is_written(pool, own.bootstrap)
        own.kill()
        await asyncio.sleep(3.0)
        own.start()
        own.wait_ready()
        await feed_all(own.bootstrap, "bounced", range(20, 40))
        await until_all_is_written(pool, own.bootstrap, 60)
        await check_history(pool, "bounced", 40)
        assert audit.stop() == 0
    finally:
        if audit is not None:
            audit.discard()
        own.stop()


async def test_while_postgres_hangs_it_stops_within_ten_seconds_all_the_same(broker: str, tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", durable=False)
    audit = None
    frozen: list[psutil.Process] = []
    try:
        server.start()
        server.wait_ready()
        await migrate(server.dsn)
        audit = Audit(tmp_path, broker, server.dsn)
        audit.start()
        await until(audit.is_ready, "the audit is ready")
        process = psutil.Process(server.pid)
        frozen = [process, *process.children(recursive=True)]
        for each in frozen:
            each.suspend()
        await feed_all(broker, "hangs", range(10))
        assert audit.stop() == 0
    finally:
        for each in frozen:
            each.resume()
        if audit is not None:
            audit.discard()
        server.stop()


async def test_started_before_postgres_it_is_ready_only_once_that_is_there(broker: str, tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", durable=False)
    server.start()
    server.wait_ready()
    await migrate(server.dsn)
    server.stop()
    audit = Audit(tmp_path, broker, server.dsn)
    try:
        audit.start()
        await until(lambda: audit.says("Postgres cannot be reached"), "it says what it waits for")
        assert not await audit.is_ready()
        server.start()
        server.wait_ready()
        await until(audit.is_ready, "the audit is ready")
        assert audit.stop() == 0
    finally:
        audit.discard()
        server.stop()


async def test_what_a_publisher_left_in_the_outbox_goes_to_mal_flows(
    pool: Pool, broker: str, audits: list[Audit]
) -> None:
    async with pool.acquire() as connection:
        await connection.execute("insert into automation_outbox (key, value) values ('f-1/1', '{}'), ('f-1/2', null)")
    audits[0].start()

    async def is_empty() -> bool:
        return bool(await pool.fetchval("select count(*) = 0 from automation_outbox"))

    await until(is_empty, "the outbox is relayed")
    assert await outbox.relay(pool, _refuse) == 0
    consumer = AIOKafkaConsumer(FLOWS, bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found = await consumer.getmany(timeout_ms=5_000)
    finally:
        await consumer.stop()
    records = [(record.key, record.value) for each in found.values() for record in each]
    assert records == [(b"f-1/1", b"{}"), (b"f-1/2", None)]


async def test_a_topic_that_was_made_anew_is_read_from_its_start(pool: Pool, broker: str, audits: list[Audit]) -> None:
    await pool.execute(
        "insert into automation_audit_positions (topic, partition, next_offset) values ($1, 0, 1000000)", EXECUTIONS
    )
    await feed_all(broker, "anew", range(10))
    audits[0].start()
    await until_all_is_written(pool, broker)
    await check_history(pool, "anew", 10)
    assert await audits[0].says("mal.executions:0 is written up to 1000000, but Kafka has")


async def _refuse(key: bytes, value: bytes | None) -> None:
    raise AssertionError(f"nothing was to be sent, least of all {key!r}")
