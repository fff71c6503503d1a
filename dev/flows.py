"""Puts flows in force without a store: straight on `mal.flows`, for benchmarks and for tests of the worker alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from engine.flow import FlowHead, FlowVersion, Policy, StatusChange, VersionHead
from streams.topics import FLOWS


async def publish(
    kafka: Mapping[str, Any], versions: Sequence[FlowVersion], *, at_ms: int = 0, policy: Policy = "pin"
) -> None:
    """Put the versions of one flow on `mal.flows`, the last of them in force from `at_ms` (log time) on.

    Args:
        kafka: arguments of the client.
        versions: in the order of their numbers; all of them stand, the older ones for executions that run on them.
        at_ms: milliseconds since the epoch.
        policy: of the last version: what happens to executions that run on the older ones.
    """
    flow_id = versions[-1].flow_id
    head = FlowHead(
        flow_id=flow_id,
        latest=versions[-1].version,
        versions=tuple(
            VersionHead(version=one.version, policy=policy if one is versions[-1] else "pin", effective_from_ms=at_ms)
            for one in versions
        ),
        statuses=(StatusChange(status="published", at_ms=0),),
    )
    async with AIOKafkaProducer(**kafka) as producer:
        for version in versions:
            await producer.send_and_wait(FLOWS, _json(version), key=f"{flow_id}/{version.version}".encode())
        await producer.send_and_wait(FLOWS, _json(head), key=f"{flow_id}/head".encode())


def _json(record: FlowVersion | FlowHead) -> bytes:
    return record.model_dump_json(by_alias=True).encode()
