"""A broker that is killed comes back on its address with all it acknowledged, and says so when it can't start."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev.errors import ServiceError
from dev.kafka import KafkaBroker

pytestmark = pytest.mark.fault


async def test_a_broker_that_is_killed_comes_back_on_its_address_with_what_it_had(tmp_path: Path) -> None:
    broker = KafkaBroker(tmp_path)
    try:
        broker.start()
        broker.wait_ready()
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("bounced", 1, 1)])
        await admin.close()
        address, pid = broker.bootstrap, broker.pid
        async with AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=True) as producer:
            await producer.send_and_wait("bounced", b"before")
            broker.kill()
            assert pid is not None
            assert not psutil.pid_exists(pid)
            broker.start()
            broker.wait_ready()
            await producer.send_and_wait("bounced", b"after")
        assert broker.bootstrap == address
        async with AIOKafkaConsumer("bounced", bootstrap_servers=address, auto_offset_reset="earliest") as consumer:
            assert [(await consumer.getone()).value for _ in range(2)] == [b"before", b"after"]
    finally:
        broker.stop()


def test_a_broker_that_cannot_start_says_so_with_the_end_of_its_log(tmp_path: Path) -> None:
    broker = KafkaBroker(tmp_path, properties={"num.io.threads": "many"})
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=1\n")
    try:
        broker.start()
        with pytest.raises(ServiceError, match=r"(?s)ended with exit code 1 before it was ready.*num\.io\.threads"):
            broker.wait_ready()
    finally:
        broker.stop()
