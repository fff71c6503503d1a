"""The configuration of a one-node Kafka for one machine: its server.properties and its logging. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dev.ports import HOST

NODE_ID = 1


def server_properties(data: Path, port: int, controller_port: int, extra: Mapping[str, str]) -> str:
    """Return server.properties for a broker and controller in one process that listens on loopback only."""
    values = {
        "process.roles": "broker,controller",
        "node.id": str(NODE_ID),
        # Static voters: the address comes from here at every start, so the ports may change over the same data.
        "controller.quorum.voters": f"{NODE_ID}@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"CLIENTS://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"CLIENTS://{HOST}:{port}",
        "inter.broker.listener.name": "CLIENTS",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        # Topics are created by `mal topics create`, never by a typing error.
        "auto.create.topics.enable": "false",
        "num.partitions": "8",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.num.partitions": "8",
        "transaction.state.log.min.isr": "1",
        # Not used by this project: kept as small as they go.
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # One machine, few members: nobody else is about to join.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # After a kill the node waits out the session of its former self before it serves again (default: 9 s).
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "controlled.shutdown.max.retries": "1",
        "controlled.shutdown.retry.backoff.ms": "200",
        "log.retention.hours": "720",
        **extra,
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""
