"""`mal executions list`: what ran, newest first."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.output import AsJson, Column, cell, field, print_rows
from cli.postgres import postgres
from cli.settings import find_settings
from cli.times import moment
from engine.types import ExecutionStatus
from store import executions


def _since(text: str) -> datetime:
    try:
        return moment(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _trigger(execution: Any) -> str:
    return cell((execution.get("trigger") or {}).get("type"))


def _subject(execution: Any) -> str:
    subject = execution.get("subject") or {}
    return f"{cell(subject.get('type'))} {cell(subject.get('id'))}"


COLUMNS = (
    field("executionId", "execution"), field("flowId", "flow"), field("flowVersion", "version"),
    Column("subject", _subject), Column("trigger", _trigger), field("status"), field("endReason", "reason"),
    field("startedAt", "started"),
)  # fmt: skip


def command(
    flow: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this flow.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="ID", help="Only those about this contact, campaign …")] = None,
    status: Annotated[ExecutionStatus | None, typer.Option(help="Only those that stand so.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=_since, metavar="T", help="Only those started since: RFC 3339, or 7d, 12h ago."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List executions, newest first, as `mal audit` has written them so far."""
    found = asyncio.run(_read(flow_id=flow, subject_id=subject, status=status, since=since, limit=limit))
    print_rows(found, COLUMNS, as_json=as_json, empty="no such executions")


async def _read(**filters: Any) -> list[dict[str, Any]]:
    async with postgres(find_settings()) as pool:
        return await executions.list_executions(pool, **filters)
