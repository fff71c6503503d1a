"""`mal flows export`: write a flow as a flow file."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from cli.flow_yaml_text import write_yaml
from cli.flows.finding import FlowArgument, find_flow
from cli.output import AsJson, print_json
from cli.postgres import postgres
from cli.settings import find_settings
from engine.file_export import export_file
from store.flows import FlowStore


def command(flow: FlowArgument, as_json: AsJson = False) -> None:
    """Write the draft of a flow as a flow file, YAML or (--json) JSON. `mal flows apply` makes the same flow of it."""
    written = asyncio.run(_read(flow))
    if as_json:
        print_json(written)
    else:
        sys.stdout.write(write_yaml(written))


async def _read(named: str) -> dict[str, Any]:
    async with postgres(find_settings()) as pool:
        flows = FlowStore(pool)
        flow = await find_flow(flows, named)
        return export_file(flow, await flows.get_nodes(flow.id), await flows.get_edges(flow.id))
