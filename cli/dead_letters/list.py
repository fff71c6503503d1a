"""`mal dead-letters list`: records that could not be read."""

from __future__ import annotations

import asyncio

from cli.kafka import kafka_errors
from cli.output import AsJson, field, print_rows
from cli.settings import find_settings
from streams import dead_letters

COLUMNS = (field("id"), field("timestamp"), field("error"), field("redriven"))


def command(as_json: AsJson = False) -> None:
    """List what could not be read, oldest first: where it lies, when it came, why, and whether it was put back.

    The id is topic:partition:offset of the record itself.
    """
    settings = find_settings()
    with kafka_errors(settings):
        letters = asyncio.run(dead_letters.list_letters(settings.kafka_client()))
    print_rows((letter.summary() for letter in letters), COLUMNS, as_json=as_json, empty="no dead letters")
