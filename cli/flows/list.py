"""`mal flows list`: the flows there are, oldest first."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from cli.output import AsJson, field, print_rows
from cli.postgres import postgres
from cli.settings import find_settings
from engine.flow import Flow
from store.flows import FlowStore


class Status(StrEnum):
    """How a flow can stand."""

    DRAFT = "draft"
    PUBLISHED = "published"
    PAUSED = "paused"
    ARCHIVED = "archived"


COLUMNS = (
    field("id", "flow"), field("name"), field("status"), field("version"), field("userId", "user"),
    field("workspaceId", "workspace"), field("triggerType", "trigger"), field("updatedAt", "updated"),
)  # fmt: skip


def command(
    user: Annotated[str | None, typer.Option("--user", metavar="U", help="Only those of this user.")] = None,
    workspace: Annotated[str | None, typer.Option("--workspace", metavar="W", help="Only those of this one.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only those that stand so.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the flows, oldest first. The version is the latest published one, 0 before the first."""
    found = asyncio.run(_read(user, workspace, status))
    print_rows((flow.wire() for flow in found), COLUMNS, as_json=as_json, empty="no such flows")


async def _read(user: str | None, workspace: str | None, status: Status | None) -> list[Flow]:
    async with postgres(find_settings()) as pool:
        return await FlowStore(pool).list_flows(user_id=user, workspace_id=workspace, status=status)
