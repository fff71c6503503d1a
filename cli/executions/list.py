"""`mal executions list`: what ran, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cli.executions.finding import SHOWN_CHARS
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
from engine.types import ExecutionStatus
from store import executions


def command(
    flow: FlowOption = None,
    subject: SubjectOption = None,
    status: Annotated[ExecutionStatus | None, typer.Option(help="Only those that stand so.")] = None,
    since: SinceOption = None,
    limit: LimitOption = 50,
    as_json: AsJson = False,
) -> None:
    """List executions, newest first, as `mal audit` has written them so far.

    The beginning of an id is enough for `mal executions show`; --json has all of it.
    """
    found, names, empty = asyncio.run(_read(flow, subject, status=status, since=since, limit=limit))
    print_rows(found, _columns(names), as_json=as_json, empty=empty)


def _columns(names: Mapping[str, str]) -> Sequence[Column]:
    return (
        Column("execution", lambda execution: execution["executionId"][:SHOWN_CHARS]),
        flow_column(names), field("flowVersion", "v"), Column("subject", subject_cell), field("status"),
        field("endReason", "reason"), Column("started", lambda execution: whole_seconds(execution["startedAt"])),
    )  # fmt: skip


async def _read(
    flow: str | None, subject: str | None, **filters: Any
) -> tuple[list[dict[str, Any]], dict[str, str], str]:
    async with postgres(find_settings()) as pool:
        asked = Narrowing(pool, flow, subject)
        found = await executions.list_executions(pool, flow_ids=await asked.flow_ids(), subject_id=subject, **filters)
        return found, await names_of(pool, found), "" if found else await asked.why_nothing("no such executions")
