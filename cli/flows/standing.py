"""How the commands that pause and resume a flow wait until all workers have applied it."""

from __future__ import annotations

from cli.errors import Refused
from cli.kafka import kafka_errors
from engine.types import Standing
from store.flows import PausedFlow
from streams.controls import NotAppliedError
from streams.settings import Settings
from streams.standing import all_applied


async def applied_everywhere(settings: Settings, flow: PausedFlow, status: Standing) -> None:
    """Return when every shard has said on the feed that it has applied a pause or resume.

    Raises:
        Refused: not all have within ten seconds, or Kafka is away.
    """
    with kafka_errors(settings):
        try:
            await all_applied(settings.kafka_client(), flow, status, flow.at_ms)
        except NotAppliedError as error:
            raise Refused(str(error)) from error
