"""`mal flows apply`: create or update flows from files, all of them or none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from cli.definitions import published_changes
from cli.errors import Refused
from cli.flow_files import check
from cli.flows.outcome import ACTOR, columns
from cli.flows.policy import Policy, PolicyOption
from cli.flows.report import headline, refusal
from cli.output import AsJson, note, print_rows
from cli.postgres import postgres
from cli.settings import find_settings
from engine.files import FlowFile
from store.applying import Applied, apply_flows


def command(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Flow files, YAML or JSON; - is stdin.")],
    publish: Annotated[bool, typer.Option("--publish", help="Publish each of them, too.")] = False,
    policy: PolicyOption = Policy.PIN,
    as_json: AsJson = False,
) -> None:
    """Create or update the flows of files, found by flow.id, else by name within user or workspace.

    The same file twice changes nothing. Where one file has an error, none is stored, and every problem is printed.
    With --publish the answer comes when Kafka has the versions; workers run them within a second.
    """
    checked = [check(file) for file in files]
    if any(one.flow_file is None for one in checked):
        raise Refused(f"nothing was stored\n{refusal(one.report for one in checked)}")
    for one in checked:
        if one.report["warnings"]:
            note(f"{headline(one.report)}; `mal flows validate` tells")
    flow_files = [one.flow_file for one in checked if one.flow_file is not None]
    applied = asyncio.run(_apply(flow_files, publish=publish, policy=policy))
    print_rows(
        (one.wire() for one in applied),
        columns("published", with_version=True) if publish else columns("saved as draft"),
        as_json=as_json,
        empty="",
    )


async def _apply(flow_files: Sequence[FlowFile], *, publish: bool, policy: Policy) -> list[Applied]:
    settings = find_settings()
    if not publish:
        async with postgres(settings) as pool:
            return await apply_flows(pool, flow_files, actor=ACTOR)
    async with published_changes(settings) as pool:
        return await apply_flows(pool, flow_files, publish=True, policy=policy, actor=ACTOR)
