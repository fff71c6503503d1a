"""Executions by the command line, as the audit has written them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from store.audit.writing import AuditWriter
from store.pool import create_pool
from tests.cli.conftest import Mal, rows
from tests.store.records import batch, execution, log, step

pytestmark = pytest.mark.services

ERROR = {"code": "missing_contact", "message": "no contact", "nodeId": "n-2", "field": "event.contactId", "value": None}
TOLD = [
    execution("x-1", startedAt="2026-10-01T00:00:00Z", steps=[
        step(commandIds=["c-1"]), step("n-2", status="failed", error=ERROR),
    ]),
    execution("x-2", flowId="f-2", status="running", startedAt="2026-11-02T00:00:00Z"),
]  # fmt: skip


@pytest.fixture
def told(mal: Mal, database: str) -> Mal:
    """`mal` on a database with two executions."""
    asyncio.run(_write(database))
    return mal


async def _write(dsn: str) -> None:
    pool = await create_pool(dsn)
    try:
        await AuditWriter(pool).write_feed(batch(log(TOLD)))
    finally:
        await pool.close()


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ([], ["x-2", "x-1"]),
        (["--limit", "1"], ["x-2"]),
        (["--flow", "f-1"], ["x-1"]),
        (["--status", "running"], ["x-2"]),
        (["--subject", "nobody"], []),
        (["--since", "2026-11-01T00:00:00Z"], ["x-2"]),
    ],
)
def test_executions_are_listed_newest_first_by_what_is_asked(told: Mal, filters: list[str], ids: list[str]) -> None:
    assert [row["executionId"] for row in rows(told("executions", "list", *filters, "--json"))] == ids


def test_an_execution_is_shown_with_its_steps(told: Mal) -> None:
    (shown,) = rows(told("executions", "show", "x-1", "--json"))
    assert [one["nodeId"] for one in shown["steps"]] == ["n-1", "n-2"]
    story = told("executions", "show", "x-1").stdout
    for said in ("execution x-1  succeeded (completed)", "command  c-1", "missing_contact: no contact"):
        assert said in story


def test_no_colour_where_nobody_looks(told: Mal) -> None:
    assert "\x1b" not in told("executions", "show", "x-1").stdout + told("executions", "list").stdout


def test_an_execution_that_is_not_there_is_refused(told: Mal) -> None:
    refused: Any = told("executions", "show", "nothing")
    assert refused.exit_code == 1
    assert "no execution 'nothing'; `mal executions list` shows what there is" in refused.stderr
