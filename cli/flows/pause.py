"""`mal flows pause`: hold what a flow matches, and what runs of it."""

from __future__ import annotations

import asyncio

from cli.definitions import published_changes
from cli.flows.finding import FlowArgument, find_flow
from cli.flows.outcome import ACTOR, columns
from cli.flows.standing import applied_everywhere
from cli.output import AsJson, print_rows
from cli.settings import find_settings
from store.flows import FlowStore, PausedFlow


def command(flow: FlowArgument, as_json: AsJson = False) -> None:
    """Pause a published flow: nothing enters it, and what runs of it is held before its next node. Waits run on.

    Each match is on the feed as held, and taken again by `mal flows resume`. Answers when all workers have applied it,
    within ten seconds; exits 1 otherwise.
    """
    paused = asyncio.run(_pause(flow))
    answer = {name: paused.wire()[name] for name in ("id", "name", "version", "changed")}
    print_rows([answer], columns("paused"), as_json=as_json, empty="")


async def _pause(named: str) -> PausedFlow:
    settings = find_settings()
    async with published_changes(settings) as pool:
        flows = FlowStore(pool, actor=ACTOR)
        paused = await flows.pause_flow((await find_flow(flows, named)).id)
    await applied_everywhere(settings, paused, "paused")
    return paused
