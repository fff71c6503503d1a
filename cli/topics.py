"""`mal topics create`: make the topics of the contract and the changelogs."""

from __future__ import annotations

import asyncio

from cli.kafka import kafka_errors
from cli.output import AsJson, field, print_rows
from cli.settings import find_settings
from streams import admin


def command(as_json: AsJson = False) -> None:
    """Create the topics that are missing; those that are there stay as they are.

    All topics that carry subjects get MAL_KAFKA_PARTITIONS partitions. Prints those that were created.
    """
    settings = find_settings()
    with kafka_errors(settings):
        created = asyncio.run(admin.create_topics(settings))
    rows = [{"topic": name, "partitions": partitions} for name, partitions in created]
    print_rows(rows, (field("topic"), field("partitions")), as_json=as_json, empty="all topics are there")
