"""`mal executions show`: one execution with all its steps."""

from __future__ import annotations

import asyncio
from typing import Any

from cli.errors import Refused
from cli.executions.finding import ExecutionArgument, execution_id_of
from cli.executions.story import held_back, tell
from cli.filters import names_of
from cli.output import AsJson, print_json, print_text
from cli.postgres import postgres
from cli.settings import find_settings
from store import executions


def command(
    execution: ExecutionArgument,
    as_json: AsJson = False,
) -> None:
    """Tell the story of one execution: its trigger, each step with port, times, commands, errors and waits.

    What is shown is what `mal audit` has written so far.
    """
    shown, names, flow_name = asyncio.run(_read(execution))
    if as_json:
        print_json(shown)
        return
    for line in held_back(shown, flow_name) if "decision" in shown else tell(shown, names, flow_name):
        print_text(line)


async def _read(execution: str) -> tuple[dict[str, Any], dict[str, str], str | None]:
    async with postgres(find_settings()) as pool:
        shown = await executions.show(pool, await execution_id_of(pool, execution))
        if shown is None:
            raise Refused(f"no execution {execution!r}; `mal executions list` shows what there is")
        flow_name = (await names_of(pool, [shown])).get(shown["flowId"])
        if "decision" in shown:
            return shown, {}, flow_name
        return shown, await executions.node_names(pool, shown["flowId"], shown["flowVersion"]), flow_name
