"""`mal flows resume`: end the pause of a flow, and have it take what the pause held."""

from __future__ import annotations

import asyncio
from typing import Any

from cli.definitions import published_changes
from cli.errors import Refused
from cli.flows.finding import FlowArgument, find_flow
from cli.flows.outcome import ACTOR, columns
from cli.flows.standing import applied_everywhere
from cli.kafka import kafka_errors
from cli.output import AsJson, field, note, print_rows
from cli.settings import find_settings
from store.flows import FlowStore
from streams.resuming import take_again


def command(flow: FlowArgument, as_json: AsJson = False) -> None:
    """End the pause of a flow: what runs of it goes on, and what it would have matched is taken from the log again.

    The setting onResume of the flow says what of that still starts something. Answers when all workers have applied
    the resume, within ten seconds, and Kafka has every match again; exits 1 otherwise. Repeat it then: an event enters
    a flow once, however often it is taken.
    """
    resumed = asyncio.run(_resume(flow))
    print_rows([resumed], (*columns("resumed"), field("taken")), as_json=as_json, empty="")


async def _resume(named: str) -> dict[str, Any]:
    settings = find_settings()
    async with published_changes(settings) as pool:
        flows = FlowStore(pool, actor=ACTOR)
        resumed = await flows.resume_flow((await find_flow(flows, named)).id)
    if resumed.paused_at_ms is None:
        raise Refused(f"the flow {resumed.name!r} ({resumed.id}) is {resumed.status}, and was not paused before")
    await applied_everywhere(settings, resumed, "published")
    with kafka_errors(settings):
        taken, gone = await take_again(settings.kafka_client(), resumed.id, resumed.paused_at_ms)
    if gone:
        note(f"{gone:,} matches that the pause held are not in Kafka any more, and start nothing")
    told = resumed.wire()
    return {**{name: told[name] for name in ("id", "name", "version", "changed")}, "taken": taken}
