"""`mal limits set`: what one execution may do."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import orjson
import typer

from cli.definitions import published_changes
from cli.errors import WrongUsage
from cli.flows.outcome import ACTOR
from cli.limits.scope import Kind, UserOption, WorkspaceOption, one_of
from cli.limits.show import COLUMNS
from cli.output import AsJson, print_rows
from cli.settings import find_settings
from store import limits


def _limit(name: str, what: str) -> Any:
    return typer.Option(f"--max-{name}", metavar="N", min=1, max=10_000, help=f"{what}, 1 to 10,000.")


def command(
    user: UserOption = None,
    workspace: WorkspaceOption = None,
    max_actions: Annotated[int | None, _limit("actions", "Actions of one execution")] = None,
    max_external_writes: Annotated[int | None, _limit("external-writes", "Commands to other systems")] = None,
    max_contact_actions: Annotated[int | None, _limit("contact-actions", "Contacts addressed")] = None,
    holdout: Annotated[
        float | None,
        typer.Option(min=0, max=100, metavar="PERCENT", help="So many of a hundred enter no flow."),
    ] = None,
    messages: Annotated[
        str | None, typer.Option(metavar="JSON", help="Rules for messages of every flow, as in flow.settings.messages.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set what one execution of this user or workspace may do; what is not named stays as it is.

    The answer comes when Kafka has it. It is in force within a second, for executions that start after.
    """
    kind, identity = one_of(user, workspace)
    asked: dict[str, Any] = {
        "max_actions_per_execution": max_actions,
        "max_external_writes": max_external_writes,
        "max_contact_actions": max_contact_actions,
        "holdout": None if holdout is None else {"percent": holdout},
        "messages": None if messages is None else _object(messages),
    }
    if all(value is None for value in asked.values()):
        raise WrongUsage(
            "name at least one of --max-actions, --max-external-writes, --max-contact-actions, --holdout, --messages"
        )
    shown = asyncio.run(_set(kind, identity, asked))
    print_rows([shown], COLUMNS, as_json=as_json, empty="")


def _object(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"{text} is no JSON: {error}", param_hint="--messages") from error


async def _set(kind: Kind, identity: str, asked: dict[str, Any]) -> dict[str, Any]:
    async with published_changes(find_settings()) as pool:
        return await limits.set_limits(pool, kind, identity, **asked, actor=ACTOR)
