"""`mal dead-letters redrive`: put records back on the topic they came from."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.errors import Refused, WrongUsage
from cli.kafka import kafka_errors
from cli.output import AsJson, field, print_rows
from cli.settings import find_settings
from streams import dead_letters

COLUMNS = (field("id", "put back"), field("error", "what it was"))


def command(
    letters: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Which, also those that were put back before.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not put back yet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put records back on the topic they came from: the same bytes, key and headers. That is noted with the letter.

    Where one of the ids cannot be put back, none is. A record that still cannot be read comes back as a new letter.
    """
    if everything == bool(letters):
        raise WrongUsage("name ids, or give --all")
    settings = find_settings()
    try:
        with kafka_errors(settings):
            put_back = asyncio.run(dead_letters.redrive(settings.kafka_client(), letters or None))
    except dead_letters.DeadLetterError as error:
        raise Refused(str(error)) from error
    rows = [{"id": letter.id, "error": letter.error} for letter in put_back]
    print_rows(rows, COLUMNS, as_json=as_json, empty="nothing to put back")
