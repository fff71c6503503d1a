"""`mal executions show`: one execution with all its steps."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from cli.errors import Refused
from cli.executions.story import held_back, tell
from cli.output import AsJson, print_json, print_text
from cli.postgres import postgres
from cli.settings import find_settings
from store import executions


def command(
    execution: Annotated[str, typer.Argument(metavar="ID", help="The id of the execution.")], as_json: AsJson = False
) -> None:
    """Tell the story of one execution: its trigger, each step with port, times, commands, errors and waits.

    What is shown is what `mal audit` has written so far.
    """
    shown, names = asyncio.run(_read(execution))
    if as_json:
        print_json(shown)
        return
    for line in held_back(shown) if "decision" in shown else tell(shown, names):
        print_text(line)


async def _read(execution: str) -> tuple[dict[str, Any], dict[str, str]]:
    async with postgres(find_settings()) as pool:
        shown = await executions.show(pool, execution)
        if shown is None:
            raise Refused(f"no execution {execution!r}; `mal executions list` shows what there is")
        if "decision" in shown:
            return shown, {}
        return shown, await executions.node_names(pool, shown["flowId"], shown["flowVersion"])
