"""Transactions that keep readers waiting: which partitions cannot be read on, and whose transaction is open there.

aiokafka has no requests for this, so two of Kafka's are declared here (KIP-664).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

from streams.consumers import committed_reader

ONGOING: Final = ("Ongoing", "PrepareCommit", "PrepareAbort", "PrepareEpochFence")
LOOK_AGAIN_SECONDS: Final = 2.0
"""A transaction that nobody knows any more may just be ending: it is looked at twice."""


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that has not ended: whose, since when, when Kafka ends it, and what it has written to."""

    transactional_id: str
    started_ms: int
    timeout_ms: int
    partitions: frozenset[TopicPartition]


@dataclass(frozen=True, slots=True)
class Blocked:
    """A partition that no read_committed reader reads on: from which offset, and whose transaction is open there.

    `by` is None where no coordinator knows of one: it hangs, and ends only when an operator aborts it.
    """

    topic: str
    partition: int
    offset: int
    by: OpenTransaction | None


async def blocked_partitions(kafka: Mapping[str, Any], topics: Collection[str]) -> list[Blocked]:
    """Return the partitions behind whose last stable offset something lies, oldest transactions first.

    Args:
        kafka: the arguments of any aiokafka client.
        topics: to look at; all of them exist.

    Raises:
        KafkaError: Kafka is away, or refuses.
    """
    async with AsyncExitStack() as stack:
        admin = AIOKafkaAdminClient(**kafka)
        stack.push_async_callback(admin.close)
        await admin.start()
        readers = [committed_reader(kafka), AIOKafkaConsumer(**kafka, group_id=None, enable_auto_commit=False)]
        for reader in readers:
            stack.push_async_callback(reader.stop)
            await reader.start()
        described = await admin.describe_topics(sorted(topics))
        partitions = [
            TopicPartition(one["topic"], each["partition"]) for one in described for each in one["partitions"]
        ]
        found = await _look(admin, readers, partitions)
        if any(one.by is None for one in found):
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            before = {(one.topic, one.partition, one.offset) for one in found}
            again = await _look(admin, readers, partitions)
            found = [one for one in again if one.by or (one.topic, one.partition, one.offset) in before]
    return sorted(found, key=lambda one: (one.by.started_ms if one.by else 0, one.topic, one.partition))


async def _look(
    admin: AIOKafkaAdminClient, readers: Iterable[AIOKafkaConsumer], partitions: list[TopicPartition]
) -> list[Blocked]:
    stable, ends = [await reader.end_offsets(partitions) for reader in readers]
    behind = [one for one in partitions if stable[one] < ends[one]]
    if not behind:
        return []
    by_partition = {one: each for each in await _open(admin) for one in each.partitions}
    return [Blocked(one.topic, one.partition, stable[one], by_partition.get(one)) for one in behind]


async def _open(admin: AIOKafkaAdminClient) -> list[OpenTransaction]:
    """Ask every broker for the transactions that it coordinates."""
    found: list[OpenTransaction] = []
    for broker in (await admin.describe_cluster())["brokers"]:
        node = broker["node_id"]
        listed = await admin._send_request_to_node(node, _List())  # noqa: SLF001 -- the only way to a request of ours
        ids = [one[0] for one in listed.transaction_states]
        told = await admin._send_request_to_node(node, _Describe(ids)) if ids else None  # noqa: SLF001 -- as above
        for error, name, _state, timeout_ms, started_ms, _id, _epoch, topics, _tags in told.states if told else ():
            if not error:
                places = frozenset(TopicPartition(topic, number) for topic, numbers, _ in topics for number in numbers)
                found.append(OpenTransaction(name, started_ms, timeout_ms, places))
    return found


class _ListResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 66
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("unknown_state_filters", CompactArray(CompactString("utf-8"))),
        (
            "transaction_states",
            CompactArray(
                ("transactional_id", CompactString("utf-8")),
                ("producer_id", Int64),
                ("transaction_state", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _ListRequest(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    FLEXIBLE_VERSION = True
    API_KEY = 66
    API_VERSION = 0
    RESPONSE_TYPE = _ListResponse
    SCHEMA = Schema(
        ("state_filters", CompactArray(CompactString("utf-8"))),
        ("producer_id_filters", CompactArray(Int64)),
        ("tags", TaggedFields),
    )


class _List(Request[_ListRequest]):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 66

    def build(self, request_struct_class: type[_ListRequest]) -> _ListRequest:
        return request_struct_class(list(ONGOING), [], {})


class _DescribeResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 65
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "states",
            CompactArray(
                ("error_code", Int16),
                ("transactional_id", CompactString("utf-8")),
                ("transaction_state", CompactString("utf-8")),
                ("timeout_ms", Int32),
                ("start_time_ms", Int64),
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                (
                    "topics",
                    CompactArray(
                        ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeRequest(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    FLEXIBLE_VERSION = True
    API_KEY = 65
    API_VERSION = 0
    RESPONSE_TYPE = _DescribeResponse
    SCHEMA = Schema(("transactional_ids", CompactArray(CompactString("utf-8"))), ("tags", TaggedFields))


class _Describe(Request[_DescribeRequest]):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 65

    def __init__(self, transactional_ids: list[str]) -> None:
        self._transactional_ids = transactional_ids

    def build(self, request_struct_class: type[_DescribeRequest]) -> _DescribeRequest:
        return request_struct_class(self._transactional_ids, {})
