"""An idiomatic Faust worker for comparison: one event at a time, one table write and one send for each match."""

from __future__ import annotations

import os
from typing import Any

import faust
import orjson

BOOTSTRAP = os.environ["BENCH_BOOTSTRAP"]
SOURCE = os.environ["BENCH_SOURCE"]
SINK = os.environ["BENCH_SINK"]
APP = os.environ["BENCH_APP"]
CAMPAIGN = os.environ["BENCH_CAMPAIGN"]
PARTITIONS = int(os.environ["BENCH_PARTITIONS"])

app = faust.App(
    APP, broker=f"kafka://{BOOTSTRAP}", value_serializer="raw", topic_partitions=PARTITIONS, web_enabled=False,
    topic_disable_leader=True, topic_replication_factor=1, consumer_auto_offset_reset="earliest",
)  # fmt: skip
opens = app.topic(SOURCE, value_type=bytes, key_type=bytes)
commands = app.topic(SINK, value_type=bytes, key_type=bytes)
counts = app.Table("counts", default=int, partitions=PARTITIONS)


@app.agent(opens)
async def follow(stream: Any) -> None:
    """Count the opens of a contact, and tag it where the campaign matches."""
    async for event in stream.events():
        decoded = orjson.loads(event.value)
        payload = decoded["payload"]
        contact = payload["contactId"]
        counts[contact] += 1
        if decoded["type"] == "email_open" and payload["campaignId"] == CAMPAIGN and counts[contact] > 0:
            command = {"type": "tag_contact", "payload": {"contactId": contact, "tag": "opened"}}
            await commands.send(key=contact.encode(), value=orjson.dumps(command))
