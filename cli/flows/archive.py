"""`mal flows archive`: take a flow out of force."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.definitions import published_changes
from cli.flows.finding import FlowArgument, find_flow
from cli.flows.outcome import ACTOR, columns
from cli.output import AsJson, print_rows
from cli.settings import find_settings
from store.flows import FlowStore, PublishedFlow


def command(
    flow: FlowArgument,
    drain: Annotated[bool, typer.Option("--drain", help="Let what runs go on to its own end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a flow out of force: nothing enters it any more, and what runs of it ends as archived, or drains.

    Its history stays; publishing it again puts it back into force. The answer comes when Kafka has the change.
    """
    archived = asyncio.run(_archive(flow, drain=drain))
    print_rows([archived.wire()], columns("archived"), as_json=as_json, empty="")


async def _archive(named: str, *, drain: bool) -> PublishedFlow:
    async with published_changes(find_settings()) as pool:
        flows = FlowStore(pool, actor=ACTOR)
        return await flows.archive_flow((await find_flow(flows, named)).id, drain=drain)
