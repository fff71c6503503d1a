"""A Faust app that carries batches: our transport, consumer, topics, tables and recovery in the places of Faust's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import Producer
from faust.types import TP

from streams.batching.consumer import BatchConsumer
from streams.batching.host import ShardHost, Unread
from streams.batching.hosted import HostedApp


class BatchProducer(driver.Producer):
    """Faust's producer service without a connection: units of commit are written by producers of their own."""

    async def on_start(self) -> None:
        """Start what Faust waits for, and connect to nothing."""
        await Producer.on_start(self)


class BatchTransport(driver.Transport):
    """Wires the consumer that reads batches."""

    Consumer = BatchConsumer
    Producer = BatchProducer


class BatchApp(HostedApp):
    """A hosted app on our transport. Arguments: see `HostedApp`."""

    def __init__(self, app_id: str, *, kafka: Mapping[str, Any], host: ShardHost, **options: Any) -> None:
        super().__init__(
            app_id,
            kafka=kafka,
            host=host,
            Topic="streams.batching.topic:BatchTopic",
            Table="streams.batching.table:BatchTable",
            TableManager="streams.batching.recovery:BatchTableManager",
            **options,
        )
        # Before any topic, table or agent is declared: the conductor is built from it.
        self.transport = BatchTransport(self.conf.broker, self)

    def unread(self) -> Unread:
        """Return what is still to be read of the inputs of this worker."""
        return self.consumer.unread() if isinstance(self.consumer, BatchConsumer) else Unread({}, {}, 0)

    def unfetched(self, seconds: float) -> list[TP]:
        """Return the inputs of this worker that are not fetched any more: nothing heard of them, while others are."""
        return self.consumer.unfetched(seconds) if isinstance(self.consumer, BatchConsumer) else []

    def consumer_has_ended(self) -> bool:
        """Say whether the task that keeps this worker in its group has ended."""
        return isinstance(self.consumer, BatchConsumer) and self.consumer.has_ended()
