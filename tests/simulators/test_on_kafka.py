"""The simulators on a real Kafka of their own: the topics have fixed names, so nobody else may use them meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev.kafka import KafkaBroker
from dev.services import serving
from engine.systems import BY_COMMAND_TYPE, SYSTEMS
from simulators.restore import restore_works
from simulators.simulation import Script, Simulation
from simulators.topics import RESULTS_TOPIC, check_topics
from simulators.works import Works
from simulators.world.population import Population
from tests.simulators.commands import PAYLOADS, wire

pytestmark = pytest.mark.services

PARTITIONS = 3
WEEK = 604_800.0
EVENT_TOPICS = sorted(system.events_topic for system in SYSTEMS)
COMMAND_TOPICS = sorted(system.commands_topic for system in SYSTEMS if system.commands_topic)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with serving(KafkaBroker(tmp_path_factory.mktemp("kafka"), heap_megabytes=384)) as started:
        yield {"bootstrap_servers": started.bootstrap}


@pytest.fixture
async def kafka_arguments(broker: dict[str, Any]) -> dict[str, Any]:
    """Give a client's arguments; the topics are new for each test."""
    admin = AIOKafkaAdminClient(**broker)
    await admin.start()
    try:
        names = [*EVENT_TOPICS, *COMMAND_TOPICS, RESULTS_TOPIC]
        if stale := sorted(set(names) & set(await admin.list_topics())):
            await admin.delete_topics(stale)
            await until_gone(admin, names)  # the positions of groups in them go with them
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
        # Who deletes a topic that is not listed yet would take it for gone already.
        async with asyncio.timeout(20):
            while not set(names) <= set(await admin.list_topics()):  # noqa: ASYNC110 -- Kafka tells nobody; bounded above
                await asyncio.sleep(0.05)
    finally:
        await admin.close()
    return broker


async def until_gone(admin: AIOKafkaAdminClient, topics: list[str]) -> None:
    async with asyncio.timeout(20):
        while set(topics) & set(await admin.list_topics()):  # noqa: ASYNC110 -- Kafka tells nobody; bounded above
            await asyncio.sleep(0.05)


@asynccontextmanager
async def playing(script: Script, kafka: Mapping[str, Any]) -> AsyncIterator[Simulation]:
    simulation = Simulation(script, kafka)
    try:
        await simulation.start()
        play = asyncio.create_task(simulation.play())
        try:
            yield simulation
        finally:
            play.cancel()
            await asyncio.gather(play, return_exceptions=True)
    finally:
        await simulation.stop()


async def read(kafka: Mapping[str, Any], topics: list[str], count: int) -> list[Any]:
    """Read from the beginning until there are so many records, then what comes in half a second more."""
    records: list[Any] = []
    async with (
        AIOKafkaConsumer(
            *topics, **kafka, group_id=None, auto_offset_reset="earliest", isolation_level="read_committed"
        ) as consumer,
        asyncio.timeout(30),
    ):
        while True:
            batches = await consumer.getmany(timeout_ms=500)
            records += [record for batch in batches.values() for record in batch]
            if not batches and len(records) >= count:
                return records


async def send(kafka: Mapping[str, Any], *commands: Mapping[str, Any]) -> None:
    async with AIOKafkaProducer(**kafka) as producer:
        for command in commands:
            topic = BY_COMMAND_TYPE[command["type"]].commands_topic
            await producer.send_and_wait(topic, orjson.dumps(command), key=command["subject"]["id"].encode())


def quiet(**more: Any) -> Script:
    return Script(**{"rate": 0.0, "failure_rate": 0.0, "time_scale": WEEK, **more})


async def test_every_command_is_answered_under_its_key(kafka_arguments: dict[str, Any]) -> None:
    commands = [{**wire(kind, payload), "id": f"id-{kind}"} for kind, payload in PAYLOADS.items()]
    async with playing(quiet(), kafka_arguments):
        await send(kafka_arguments, *commands)
        records = await read(kafka_arguments, [RESULTS_TOPIC], len(commands))
    answers = {orjson.loads(record.value)["commandId"]: record for record in records}
    assert set(answers) == {f"id-{kind}" for kind in PAYLOADS}
    for record in answers.values():
        answer = orjson.loads(record.value)
        assert record.key == b"contact_1"
        assert (answer["status"], answer["attempt"], answer["error"]) == ("succeeded", 1, None)


async def test_the_work_of_a_command_is_announced_before_its_answer(kafka_arguments: dict[str, Any]) -> None:
    async with playing(quiet(), kafka_arguments):
        await send(kafka_arguments, wire("tag_contact", PAYLOADS["tag_contact"]))
        (answer,) = await read(kafka_arguments, [RESULTS_TOPIC], 1)
        (record,) = await read(kafka_arguments, ["tap.list-builder.events"], 1)
    event = orjson.loads(record.value)
    assert record.key == b"contact_1"
    assert event["metadata"] == {"userId": "user_001", "workspaceId": None, "causedBy": "command-1", "depth": 3}
    assert record.timestamp <= answer.timestamp


async def test_a_repeat_is_not_worked_on_again_also_after_a_restart(kafka_arguments: dict[str, Any]) -> None:
    command = wire("tag_contact", PAYLOADS["tag_contact"])
    async with playing(quiet(), kafka_arguments):
        await send(kafka_arguments, command, command)
        await read(kafka_arguments, [RESULTS_TOPIC], 1)
    async with playing(quiet(), kafka_arguments) as second:
        await send(kafka_arguments, {**command, "attempt": 2}, {**command, "id": "another"})
        answers = await read(kafka_arguments, [RESULTS_TOPIC], 2)
        assert second.tally.repeats == 1
    assert [orjson.loads(record.value)["commandId"] for record in answers] == ["command-1", "another"]


async def test_a_failed_attempt_is_followed_by_the_next(kafka_arguments: dict[str, Any]) -> None:
    command = wire("tag_contact", PAYLOADS["tag_contact"])
    async with playing(quiet(failure_rate=1.0), kafka_arguments):
        await send(kafka_arguments, command)
        await read(kafka_arguments, [RESULTS_TOPIC], 1)
    async with playing(quiet(), kafka_arguments):
        await send(kafka_arguments, command, {**command, "attempt": 2})
        answers = [orjson.loads(record.value) for record in await read(kafka_arguments, [RESULTS_TOPIC], 2)]
    assert [(answer["attempt"], answer["status"]) for answer in answers] == [(1, "failed"), (2, "succeeded")]


async def test_a_record_that_is_no_command_stops_nobody(kafka_arguments: dict[str, Any]) -> None:
    async with playing(quiet(), kafka_arguments) as simulation:
        async with AIOKafkaProducer(**kafka_arguments) as producer:
            for value in (b"\xff", b"{}", b"null", None):
                await producer.send_and_wait("tap.list-builder.commands", value, key=b"contact_1")
        await send(kafka_arguments, wire("tag_contact", PAYLOADS["tag_contact"]))
        assert len(await read(kafka_arguments, [RESULTS_TOPIC], 1)) == 1
        assert simulation.tally.malformed == 4


async def test_the_world_is_told_at_its_rate_and_ends(kafka_arguments: dict[str, Any]) -> None:
    script = quiet(rate=2_000.0, events=3_000, population=Population(contacts=300))
    async with playing(script, kafka_arguments) as simulation, asyncio.timeout(60):
        while not (simulation.has_told_all and simulation.idle_seconds() > 1.0):  # noqa: ASYNC110 -- bounded above
            await asyncio.sleep(0.1)
        published = simulation.tally.published.total()
        records = await read(kafka_arguments, EVENT_TOPICS, published)
    assert simulation.tally.told == 3_000
    assert len(records) == published
    kinds = Counter(orjson.loads(record.value)["type"] for record in records)
    assert kinds["campaign_metrics_updated"] == published - 3_000 > 0


async def test_answers_given_before_are_learned_at_the_start(kafka_arguments: dict[str, Any]) -> None:
    async with AIOKafkaProducer(**kafka_arguments) as producer:
        for value in (
            b"not json",
            b'{"commandId": "a", "attempt": 1, "status": "succeeded"}',
            b"[]",
            b'{"attempt": 1}',
        ):
            await producer.send_and_wait(RESULTS_TOPIC, value, key=b"contact_1")
    works = Works()
    assert await restore_works(kafka_arguments, works) == 1
    assert not works.is_new("a", 2)
    assert works.is_new("b", 1)


async def test_missing_topics_are_named(kafka_arguments: dict[str, Any]) -> None:
    admin = AIOKafkaAdminClient(**kafka_arguments)
    await admin.start()
    try:
        await admin.delete_topics([RESULTS_TOPIC])
        await until_gone(admin, [RESULTS_TOPIC])
        with pytest.raises(RuntimeError, match=r"no topic tap\.command-results; run `mal topics create`"):
            await check_topics(kafka_arguments)
    finally:
        await admin.close()
