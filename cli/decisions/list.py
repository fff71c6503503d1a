"""`mal decisions list`: what was held back, and why, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cli.filters import (
    FlowOption,
    LimitOption,
    Narrowing,
    SinceOption,
    SubjectOption,
    flow_column,
    names_of,
    subject_cell,
)
from cli.output import AsJson, Column, field, print_rows
from cli.postgres import postgres
from cli.settings import find_settings
from cli.times import whole_seconds
from store import decisions


def command(
    flow: FlowOption = None,
    subject: SubjectOption = None,
    reason: Annotated[
        str | None, typer.Option(metavar="R", help="Only for this reason: cooldown, too_deep, capped …")
    ] = None,
    since: SinceOption = None,
    limit: LimitOption = 50,
    as_json: AsJson = False,
) -> None:
    """List what the engine held back or suppressed, newest first, as `mal audit` has written it so far.

    It is the table automation_decisions. What could not be read at all is in `mal dead-letters list`.
    """
    found, names, empty = asyncio.run(_read(flow, subject, reason=reason, since=since, limit=limit))
    print_rows(found, _columns(names), as_json=as_json, empty=empty)


def _columns(names: Mapping[str, str]) -> Sequence[Column]:
    return (
        Column("at", lambda decision: whole_seconds(decision["at"])), field("decision"), field("reason"),
        flow_column(names), Column("subject", subject_cell), field("type", "event"),
    )  # fmt: skip


async def _read(
    flow: str | None, subject: str | None, **filters: Any
) -> tuple[list[dict[str, Any]], dict[str, str], str]:
    async with postgres(find_settings()) as pool:
        asked = Narrowing(pool, flow, subject)
        found = await decisions.list_decisions(pool, flow_ids=await asked.flow_ids(), subject_id=subject, **filters)
        return found, await names_of(pool, found), "" if found else await asked.why_nothing("nothing was held back")
