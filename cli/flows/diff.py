"""`mal flows diff`: what a publish would change, or what is different between two versions; and whom it meets."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.errors import Refused
from cli.flows.finding import FlowArgument, find_flow
from cli.output import AsJson, field, note, print_rows
from cli.postgres import postgres
from cli.settings import find_settings
from engine.flow import Flow, FlowVersion
from engine.version_diff import Difference, differences, removed_nodes
from store.executions import standing_at
from store.flows import FlowStore

COLUMNS = (field("part"), field("change"), field("name"), field("key"), field("before"), field("after"))


def command(
    flow: FlowArgument,
    of: Annotated[
        int | None, typer.Option("--from", min=1, metavar="N", help="The latest version if left out.")
    ] = None,
    to: Annotated[int | None, typer.Option("--to", min=1, metavar="M", help="The draft if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is different between two versions of a flow, or between the latest version and the draft.

    On stderr: how many executions wait at nodes that the other version does not have. A publish with the policy migrate
    ends those.
    """
    found, lost = asyncio.run(_read(flow, of, to))
    for name, count in lost.items():
        note(f"{count:,} executions wait at {name!r}, which is not there any more: with the policy migrate they end")
    print_rows((one.wire() for one in found), COLUMNS, as_json=as_json, empty="no difference")


async def _read(named: str, of: int | None, to: int | None) -> tuple[list[Difference], dict[str, int]]:
    async with postgres(find_settings()) as pool:
        flows = FlowStore(pool)
        flow = await find_flow(flows, named)
        if of is None and not flow.version:
            raise Refused(f"the flow {flow.name!r} ({flow.id}) was never published; there is nothing to compare with")
        before = await _version(flows, flow, of or flow.version)
        after = await flows.get_draft(flow.id) if to is None else await _version(flows, flow, to)
        waiting = await standing_at(pool, flow.id)
    names: dict[str, str] = {node.id: node.ref or node.id for node in before.nodes}
    lost = removed_nodes(before, after)
    return differences(before, after), {names[node]: count for node, count in waiting.items() if node in lost}


async def _version(flows: FlowStore, flow: Flow, number: int) -> FlowVersion:
    version = await flows.get_version(flow.id, number)
    if version is None:
        raise Refused(f"the flow {flow.name!r} ({flow.id}) has no version {number}; the latest is {flow.version}")
    return version
