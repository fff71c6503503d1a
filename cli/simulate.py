"""`mal simulate`: run stand-ins of the six TAP systems."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.kafka import kafka_errors
from cli.settings import find_settings
from simulators.run import run
from streams.logs import configure_logging


def command(
    seed: Annotated[int, typer.Option(help="The same seed makes the same decisions.")] = 1,
    rate: Annotated[float, typer.Option(min=0, help="Events a second that the world makes by itself.")] = 10,
    contacts: Annotated[int, typer.Option(min=1, help="How many contacts the world has.")] = 1000,
    events: Annotated[int | None, typer.Option(min=1, help="Stop after so many events.")] = None,
    failure_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of commands that fail.")] = 0.02,
) -> None:
    """Run stand-ins of the TAP systems: they take their commands, answer them, and publish events.

    Stops on SIGTERM or Ctrl-C.
    """
    settings = find_settings()
    with kafka_errors(settings):
        configure_logging(settings.log_level, settings.log_format, settings.secrets())
        asyncio.run(run(settings, seed=seed, rate=rate, contacts=contacts, events=events, failure_rate=failure_rate))
