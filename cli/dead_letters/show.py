"""`mal dead-letters show`: one record that could not be read."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from cli.errors import Refused
from cli.kafka import kafka_errors
from cli.output import AsJson, cell, print_json, print_line
from cli.settings import find_settings
from streams import dead_letters

FACTS = ("id", "timestamp", "error", "redriven", "key", "value")


def command(
    letter: Annotated[str, typer.Argument(metavar="ID", help="Where it lies: topic:partition:offset.")],
    as_json: AsJson = False,
) -> None:
    """Show one record that could not be read: why, its key, its bytes and its headers.

    Bytes that are UTF-8 are shown as text, others in base64.
    """
    settings = find_settings()
    try:
        with kafka_errors(settings):
            shown = asyncio.run(dead_letters.show(settings.kafka_client(), letter)).wire()
    except dead_letters.DeadLetterError as error:
        raise Refused(str(error)) from error
    if as_json:
        print_json(shown)
    else:
        _print(shown)


def _print(shown: dict[str, Any]) -> None:
    for name in FACTS:
        if shown[name] is not None:
            print_line(f"{name:<10} {cell(shown[name])}")
    for header in shown["headers"]:
        print_line(f"{'header':<10} {cell(header['name'])}: {cell(header['value'])}")
    if shown["truncated"]:
        print_line("It was too long to be kept whole, and cannot be put back.")
