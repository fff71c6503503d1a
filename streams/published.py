"""Finds one published flow on `mal.flows`: what a client must know of it to start it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.flow import FlowHead, FlowVersion
from engine.types import FlowId
from streams.events import Record
from streams.flow_records import HEAD, read_record
from streams.reading import read_to_end
from streams.topics import FLOWS


class NotPublishedError(ValueError):
    """A flow cannot be started: it is not published. The message says what it is."""


async def published_version(kafka: Mapping[str, Any], flow_id: FlowId) -> FlowVersion:
    """Return the version of a published flow that is in force.

    Raises:
        NotPublishedError: there is no such flow, or it is not published.
        KafkaError: Kafka is away.
    """
    prefix = f"{flow_id}/".encode()
    records: dict[bytes, bytes] = {}

    def take(record: Record) -> None:
        if record.key is None or not record.key.startswith(prefix):
            return
        if record.value is None:
            records.pop(record.key, None)
        else:
            records[record.key] = record.value

    await read_to_end(kafka, FLOWS, take)
    head_key = prefix + HEAD.encode()
    if head_key not in records:
        raise NotPublishedError(f"there is no published flow {flow_id!r}; `mal flows list` shows what there is")
    head = read_record(FlowHead, head_key, records[head_key])
    if head.status != "published":
        way_back = "resume" if head.status == "paused" else "publish"
        raise NotPublishedError(f"flow {flow_id!r} is {head.status}, not published; {way_back} it first")
    version_key = prefix + str(head.latest).encode()
    if version_key not in records:
        raise NotPublishedError(f"version {head.latest} of flow {flow_id!r} is not on {FLOWS}; publish it again")
    return read_record(FlowVersion, version_key, records[version_key])
