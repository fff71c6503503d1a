"""A Faust app that carries batches: our transport, consumer, topics, tables and recovery in the places of Faust's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import Producer

from streams.batching.consumer import BatchConsumer
from streams.batching.host import ShardHost


class BatchProducer(driver.Producer):
    """Faust's producer service without a connection: units of commit are written by producers of their own."""

    async def on_start(self) -> None:
        """Start what Faust waits for, and connect to nothing."""
        await Producer.on_start(self)


class BatchTransport(driver.Transport):
    """Wires the consumer that reads batches."""

    Consumer = BatchConsumer
    Producer = BatchProducer


class BatchApp(faust.App):
    """A Faust app whose shards are worked on by a host.

    Args:
        kafka: arguments of every aiokafka client: where Kafka is, and how to be let in.
        host: works on the shards.
        options: Faust's own settings.
    """

    def __init__(self, app_id: str, *, kafka: Mapping[str, Any], host: ShardHost, **options: Any) -> None:
        self.kafka = dict(kafka)
        self.host = host
        super().__init__(
            app_id,
            broker=f"kafka://{kafka['bootstrap_servers'].replace(',', ';kafka://')}",
            Topic="streams.batching.topic:BatchTopic",
            Table="streams.batching.table:BatchTable",
            TableManager="streams.batching.recovery:BatchTableManager",
            **options,
        )
        # Before any topic, table or agent is declared: the conductor is built from it.
        self.transport = BatchTransport(self.conf.broker, self)

    def consumer_has_ended(self) -> bool:
        """Say whether the task that keeps this worker in its group has ended."""
        return isinstance(self.consumer, BatchConsumer) and self.consumer.has_ended()
