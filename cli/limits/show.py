"""`mal limits show`: what one execution may do."""

from __future__ import annotations

import asyncio
from typing import Any

from cli.limits.scope import Kind, UserOption, WorkspaceOption, one_of
from cli.output import AsJson, field, print_rows
from cli.postgres import postgres
from cli.settings import find_settings
from store import limits

COLUMNS = (
    field("kind"), field("id"), field("maxActionsPerExecution"), field("maxExternalWrites"), field("maxContactActions"),
    field("holdout"), field("messages"),
)  # fmt: skip


def command(user: UserOption = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """Show what one execution of this user or workspace may do; what is not set is the default.

    A workspace's value goes before the user's.
    """
    shown = asyncio.run(_read(*one_of(user, workspace)))
    print_rows([shown], COLUMNS, as_json=as_json, empty="")


async def _read(kind: Kind, identity: str) -> dict[str, Any]:
    async with postgres(find_settings()) as pool:
        return await limits.show(pool, kind, identity)
