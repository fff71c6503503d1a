"""A Faust app whose shards are worked on by a host: what the parts of the transport find on their app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faust

from streams.batching.host import ShardHost


class HostedApp(faust.App):
    """A Faust app with a host.

    Args:
        app_id: the consumer group, and the first word of the changelogs.
        kafka: arguments of every aiokafka client: where Kafka is, and how to be let in.
        host: works on the shards.
        options: Faust's own settings.
    """

    def __init__(self, app_id: str, *, kafka: Mapping[str, Any], host: ShardHost, **options: Any) -> None:
        self.kafka = dict(kafka)
        self.host = host
        broker = f"kafka://{kafka['bootstrap_servers'].replace(',', ';kafka://')}"
        super().__init__(app_id, broker=broker, **options)
