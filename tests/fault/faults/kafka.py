"""What happens to Kafka and on the way to it: nodes stopped, killed and frozen; connections cut, refused, slow."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from dev.kafka import KafkaBroker
from tests.fault.faults.kind import Inflict, Kind
from tests.fault.proxy import Proxy
from tests.fault.system import System
from tests.support.processes import frozen

ALL_OF_THEM = 0.4
"""How often a fault of the network is one to all nodes, not to one."""


def node_down(take_down: Callable[[KafkaBroker], None]) -> Inflict:
    """A node is taken down, and started again."""

    @asynccontextmanager
    async def inflict(system: System, dice: random.Random) -> AsyncIterator[str]:
        number = dice.randrange(len(system.cluster.nodes))
        await asyncio.to_thread(take_down, system.cluster.nodes[number])
        try:
            yield f"node {number}"
        finally:
            await system.cluster.bring_back(number)

    return inflict


@asynccontextmanager
async def node_frozen(system: System, dice: random.Random) -> AsyncIterator[str]:
    """A node stands still, and goes on."""
    number = dice.randrange(len(system.cluster.nodes))
    try:
        with frozen(system.cluster.nodes[number].pid):
            yield f"node {number}"
    finally:
        await system.cluster.whole()


@asynccontextmanager
async def cut(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Connections are reset."""
    proxies = _chosen(system, dice)
    yield f"{sum(proxy.cut() for proxy in proxies)} connections to {len(proxies)} nodes"


@asynccontextmanager
async def refused(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Connections are reset, and new ones refused for a while."""
    proxies = _chosen(system, dice)
    for proxy in proxies:
        proxy.refuse()
        proxy.cut()
    try:
        yield f"{len(proxies)} nodes"
    finally:
        for proxy in proxies:
            await proxy.accept()


@asynccontextmanager
async def slow(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Everything comes late for a while."""
    proxies = _chosen(system, dice)
    delay_seconds = dice.choice((0.02, 0.1, 0.4))
    for proxy in proxies:
        proxy.delay_seconds = delay_seconds
    try:
        yield f"{delay_seconds:g} s to {len(proxies)} nodes"
    finally:
        for proxy in proxies:
            proxy.delay_seconds = 0.0


@asynccontextmanager
async def silent(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Nothing passes, and nobody is told: the cable is out."""
    proxies = _chosen(system, dice)
    for proxy in proxies:
        proxy.freeze()
    try:
        yield f"{len(proxies)} nodes"
    finally:
        for proxy in proxies:
            proxy.thaw()


def _chosen(system: System, dice: random.Random) -> Sequence[Proxy]:
    proxies = system.cluster.proxies
    return proxies if dice.random() < ALL_OF_THEM else [dice.choice(proxies)]


NODES = (
    Kind("Kafka node killed", node_down(KafkaBroker.kill), 4, (0.5, 3.0)),
    Kind("Kafka node stopped and started", node_down(KafkaBroker.stop), 3, (0.0, 2.0)),
    Kind("Kafka node frozen", node_frozen, 4, (1.0, 6.0)),
)
NETWORK = (
    Kind("connections to Kafka cut", cut, 6),
    Kind("connections to Kafka refused", refused, 3, (0.5, 3.0)),
    Kind("connections to Kafka slow", slow, 2, (1.0, 4.0)),
    Kind("connections to Kafka silent", silent, 2, (1.0, 5.0)),
)
