"""`mal emit`: put events on the topics of their types."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from cli.documents import DocumentError, name_of, read_bytes
from cli.errors import Refused
from cli.event_lines import BadLinesError, reaching_nothing, read_lines
from cli.kafka import kafka_errors
from cli.output import AsJson, note, print_json, print_line, progress
from cli.settings import find_settings
from streams.client import AutomationClient

BATCH = 1_000
"""How many events are sent before the bar moves."""


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of events, one JSON object a line; - is stdin.")],
    as_json: AsJson = False,
) -> None:
    """Put each event on the topic of its type, under its subject, and print the ids once Kafka has them.

    All lines are checked first: where one is no event, or its type has no topic, nothing is sent. An event without
    id or timestamp gets one.
    """
    name = name_of(file)
    try:
        events = read_lines(read_bytes(file))
    except DocumentError as error:
        raise Refused(f"{name}: {error}") from error
    except BadLinesError as error:
        raise Refused(f"{name}: nothing was sent\n{error}") from error
    for line in reaching_nothing(events):
        note(f"{name}: {line}")
    settings = find_settings()
    with kafka_errors(settings):
        for event_id in asyncio.run(_send(settings.kafka_client(), events)):
            if as_json:
                print_json({"id": event_id})
            else:
                print_line(event_id)


async def _send(kafka: dict[str, Any], events: list[dict[str, Any]]) -> list[str]:
    sent: list[str] = []
    async with AutomationClient(**kafka) as client:
        with progress("sending", len(events)) as advance:
            for start in range(0, len(events), BATCH):
                ids = await client.emit_automation_events(events[start : start + BATCH])
                sent += ids
                advance(len(ids))
    return sent
