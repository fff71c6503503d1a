"""Find the flow a person means: by its id, or by its name where only one flow has it."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.errors import Refused
from engine.flow import Flow
from engine.keys import did_you_mean
from store.flows import FlowStore

FlowArgument = Annotated[str, typer.Argument(metavar="FLOW", help="The id of a flow, or its name where it is unique.")]


async def find_flow(flows: FlowStore, named: str) -> Flow:
    """Return the flow of this id, else the only one of this name.

    Raises:
        Refused: there is none, or several have the name; their ids are listed.
    """
    found = await flows.find_flows(named)
    if not found:
        raise Refused(await no_such_flow(flows, named))
    if len(found) > 1:
        ids = "\n".join(f"  {flow.id}  {_whose(flow)}, {flow.status}" for flow in found)
        raise Refused(f"{len(found)} flows are named {named!r}; say which by its id:\n{ids}")
    return found[0]


async def no_such_flow(flows: FlowStore, named: str) -> str:
    """Say that there is no such flow, and which name is close."""
    near = did_you_mean(named, {flow.name for flow in await flows.list_flows()})
    return f"no flow has the id or name {named!r}{near or ';'} `mal flows list` shows what there is"


def _whose(flow: Flow) -> str:
    return f"workspace {flow.workspace_id}" if flow.workspace_id else f"user {flow.user_id}"
