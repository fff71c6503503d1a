"""Three Kafka nodes with a copy of everything on each, as a real one is run: one may go without anything being lost.

Each has two listeners: one that workers and audit get to know, through a proxy, and one past it for those who feed and
look. One node alone that is killed may never write the marker of its last transaction (docs/operations.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from dev.kafka import KafkaBroker, new_cluster_id
from dev.ports import HOST, free_ports
from tests.fault.proxy import Proxy
from tests.support.conditions import until

NODES = 3
HEAP_MEGABYTES = 384
WHOLE_SECONDS = 90.0
"""So long a node that came back may take until it has caught up with everything."""


class Cluster:
    """Kafka nodes, numbered from 0, each behind a proxy.

    Args:
        folder: where their data go.
        nodes: how many.
    """

    def __init__(self, folder: Path, nodes: int = NODES) -> None:
        ports = free_ports(4 * nodes)
        self._direct, controllers, clients, proxied = (ports[at::4] for at in range(4))
        self.proxies = [Proxy(port, at) for port, at in zip(clients, proxied, strict=True)]
        cluster_id = new_cluster_id()
        self.nodes: Sequence[KafkaBroker] = [
            KafkaBroker(
                folder / f"kafka-{number}",
                port=self._direct[number],
                heap_megabytes=HEAP_MEGABYTES,
                cluster_id=cluster_id,
                properties=_properties(
                    number, self._direct[number], clients[number], self.proxies[number].port, controllers
                ),
            )
            for number in range(nodes)
        ]

    @property
    def bootstrap(self) -> str:
        """Where Kafka is, past the proxies."""
        return ",".join(f"{HOST}:{port}" for port in self._direct)

    @property
    def proxied(self) -> str:
        """Where Kafka is for those to whom faults happen."""
        return ",".join(f"{HOST}:{proxy.port}" for proxy in self.proxies)

    @property
    def kafka(self) -> dict[str, Any]:
        """The arguments of a client past the proxies."""
        return {"bootstrap_servers": self.bootstrap}

    async def start(self) -> None:
        await asyncio.gather(*(proxy.accept() for proxy in self.proxies))
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in self.nodes))
        await asyncio.gather(*(asyncio.to_thread(node.wait_ready) for node in self.nodes))

    async def stop(self) -> None:
        await asyncio.gather(*(proxy.close() for proxy in self.proxies))
        # Killed, not stopped: with its fellows gone a node that is asked to end waits for them in vain.
        await asyncio.gather(*(asyncio.to_thread(node.kill) for node in self.nodes))

    async def bring_back(self, number: int) -> None:
        """Start a node again where it has ended, and wait until every partition has all its copies."""
        node = self.nodes[number]
        if node.pid is None or node.poll() is not None:
            await asyncio.to_thread(node.stop)
            await asyncio.to_thread(node.start)
        await asyncio.to_thread(node.wait_ready, WHOLE_SECONDS)
        await self.whole()

    async def whole(self) -> None:
        """Wait until every partition has all its copies: only then may another node go."""
        await until(self._is_whole, "every partition has all its copies", WHOLE_SECONDS)

    async def _is_whole(self) -> bool:
        admin = AIOKafkaAdminClient(**self.kafka, request_timeout_ms=5_000)
        try:
            await admin.start()
            topics = await admin.describe_topics()
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await admin.close()
        return all(
            partition["leader"] >= 0 and len(partition["isr"]) == len(partition["replicas"])
            for topic in topics
            for partition in topic["partitions"]
        )


def _properties(number: int, direct: int, clients: int, proxied: int, controllers: Sequence[int]) -> Mapping[str, str]:
    nodes = len(controllers)
    copies, enough = str(nodes), str(nodes // 2 + 1)
    return {
        "node.id": str(number + 1),
        "controller.quorum.voters": ",".join(f"{at + 1}@{HOST}:{port}" for at, port in enumerate(controllers)),
        "listeners": f"DIRECT://{HOST}:{direct},CLIENTS://{HOST}:{clients},CONTROLLER://{HOST}:{controllers[number]}",
        "advertised.listeners": f"DIRECT://{HOST}:{direct},CLIENTS://{HOST}:{proxied}",
        "inter.broker.listener.name": "DIRECT",
        "listener.security.protocol.map": "DIRECT:PLAINTEXT,CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "default.replication.factor": copies,
        "min.insync.replicas": enough,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": enough,
        # A node that is gone keeps nobody waiting for longer than this.
        "replica.lag.time.max.ms": "5000",
    }
