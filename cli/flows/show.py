"""`mal flows show`: one flow with its nodes and edges."""

from __future__ import annotations

import asyncio
from typing import Any

from rich.text import Text

from cli.flows.finding import FlowArgument, find_flow
from cli.output import AsJson, Column, cell, field, print_json, print_line, print_rows, print_text
from cli.postgres import postgres
from cli.settings import find_settings
from store.flows import FlowStore

FACTS = ("id", "status", "version", "userId", "workspaceId", "triggerType", "description", "settings", "updatedAt")
NODES = (Column("node", lambda node: node["ref"] or node["id"]), field("type"), field("subtype"), field("config"))
EDGES = (field("from"), field("to"), field("label"))


def command(flow: FlowArgument, as_json: AsJson = False) -> None:
    """Show the draft of a flow with its nodes and edges, and what is published of it.

    The version is the latest published one, 0 before the first. `mal flows export` writes it as a flow file.
    """
    shown = asyncio.run(_read(flow))
    if as_json:
        print_json(shown)
        return
    print_text(Text(cell(shown["name"]), "bold"))
    for name in FACTS:
        if shown[name] not in (None, {}):
            print_line(f"  {name:<12} {cell(shown[name])}")
    print_line("")
    print_rows(shown["nodes"], NODES, as_json=False, empty="no nodes yet")
    print_line("")
    print_rows(_named_edges(shown), EDGES, as_json=False, empty="no edges yet")


async def _read(named: str) -> dict[str, Any]:
    async with postgres(find_settings()) as pool:
        flows = FlowStore(pool)
        flow = await find_flow(flows, named)
        nodes, edges = await flows.get_nodes(flow.id), await flows.get_edges(flow.id)
    return {**flow.wire(), "nodes": [node.wire() for node in nodes], "edges": [edge.wire() for edge in edges]}


def _named_edges(shown: dict[str, Any]) -> list[dict[str, Any]]:
    names = {node["id"]: node["ref"] or node["id"] for node in shown["nodes"]}
    return [
        {
            "from": names.get(edge["sourceNodeId"], edge["sourceNodeId"]),
            "to": names.get(edge["targetNodeId"], edge["targetNodeId"]),
            "label": edge["conditionLabel"],
        }
        for edge in shown["edges"]
    ]
