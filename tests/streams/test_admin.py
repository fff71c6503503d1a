"""Topics are created as the table says, once, by however many ask; and are refused where they do not fit together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError

from streams.admin import TopicsError, check_topics, create_topics
from streams.settings import Settings
from streams.topics import FLOWS, TOPICS, TRIGGERS
from tests.streams.conftest import PARTITIONS

pytestmark = pytest.mark.services


@asynccontextmanager
async def admin_of(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def config_of(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    (resource,) = response.resources
    return {entry[0]: entry[1] for entry in resource[4]}


async def test_all_topics_are_created_once_as_the_table_says(broker: Settings) -> None:
    at_once = await asyncio.gather(create_topics(broker), create_topics(broker))
    wanted = {(topic.name, PARTITIONS if topic.carries_subjects else 1) for topic in TOPICS}
    assert {*at_once[0], *at_once[1]} == wanted
    assert await create_topics(broker) == []
    assert await check_topics(broker) == PARTITIONS
    async with admin_of(broker) as admin:
        for topic in TOPICS:
            config = await config_of(admin, topic.name)
            assert {name: config[name] for name in topic.config} == dict(topic.config), topic.name


async def test_what_is_missing_or_unequal_is_named(broker: Settings) -> None:
    await create_topics(broker)
    async with admin_of(broker) as admin:
        await admin.delete_topics([TRIGGERS, FLOWS])
        await until_gone(admin, {TRIGGERS, FLOWS})
        with pytest.raises(TopicsError, match=r"no topic mal\.triggers, mal\.flows; run `mal topics create`"):
            await check_topics(broker)
        more = broker.model_copy(update={"kafka_partitions": PARTITIONS + 1})
        assert sorted(await create_topics(more)) == [(FLOWS, 1), (TRIGGERS, PARTITIONS + 1)]
        with pytest.raises(TopicsError, match=r"they have 3: tap\..*; 4: mal\.triggers; create"):
            await check_topics(broker)
        await admin.create_partitions({FLOWS: NewPartitions(2)})
        await until_it_has(admin, FLOWS, 2)
        with pytest.raises(TopicsError, match=r"mal\.flows has 2 partitions, it must have 1"):
            await check_topics(broker)
        await admin.delete_topics([TRIGGERS, FLOWS])
        await until_gone(admin, {TRIGGERS, FLOWS})
    await create_topics(broker)
    assert await check_topics(broker) == PARTITIONS


async def test_a_kafka_that_is_away_is_an_error(unused_tcp_port: int) -> None:
    away = Settings(kafka_bootstrap_servers=f"127.0.0.1:{unused_tcp_port}")
    with pytest.raises(KafkaConnectionError):
        await check_topics(away)


async def until_gone(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    async with asyncio.timeout(20):
        while names & set(await admin.list_topics()):  # noqa: ASYNC110 -- Kafka tells nobody; bounded above
            await asyncio.sleep(0.05)


async def until_it_has(admin: AIOKafkaAdminClient, name: str, partitions: int) -> None:
    async with asyncio.timeout(20):
        while len((await admin.describe_topics([name]))[0]["partitions"]) != partitions:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.05)
