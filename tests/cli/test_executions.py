"""Executions by the command line, as the audit has written them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from store.audit.writing import AuditWriter
from store.pool import create_pool
from tests.cli.conftest import Mal, rows
from tests.store.records import batch, decision, execution, log, step

pytestmark = pytest.mark.services

ERROR = {"code": "missing_contact", "message": "no contact", "nodeId": "n-2", "field": "event.contactId", "value": None}
LONG = "Long name Long name Long name Long name"
TOLD = [
    execution("x-1", startedAt="2026-10-01T00:00:00Z", steps=[
        step(commandIds=["c-1"]), step("n-2", status="failed", error=ERROR),
    ]),
    execution("x-2", flowId="f-2", status="running", startedAt="2026-11-02T00:00:00.125Z"),
    decision("e-9", reason="cooldown", executionId=None, at="2026-11-02T00:00:00Z"),
    decision("e-8", decision="held", reason="paused", flowId="f-2", subject=None, at="2026-11-01T00:00:00Z"),
]  # fmt: skip


@pytest.fixture
def told(mal: Mal, database: str) -> Mal:
    """`mal` on a database with two executions."""
    asyncio.run(_write(database, TOLD))
    return mal


async def _write(dsn: str, records: list[Any]) -> None:
    pool = await create_pool(dsn)
    try:
        await AuditWriter(pool).write_feed(batch(log(records)))
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
    for said in ("execution x-1  succeeded\n", "  reason   completed", "command  c-1", "missing_contact: no contact"):
        assert said in story


def test_no_colour_where_nobody_looks(told: Mal) -> None:
    assert "\x1b" not in told("executions", "show", "x-1").stdout + told("executions", "list").stdout


def test_an_execution_that_is_not_there_is_refused(told: Mal) -> None:
    refused: Any = told("executions", "show", "nothing")
    assert refused.exit_code == 1
    assert "no execution 'nothing'; `mal executions list` shows what there is" in refused.stderr


def test_a_flow_is_told_by_its_name(told: Mal, tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    nodes = "nodes: [{ref: a, type: trigger, subtype: email_open}]"
    file.write_text(f"flow: {{id: f-2, name: {LONG}, userId: u}}\n{nodes}")
    assert told("flows", "apply", str(file)).exit_code == 0
    (row,) = rows(told("executions", "list", "--flow", LONG, "--json"))
    assert (row["executionId"], row["flowId"]) == ("x-2", "f-2")
    assert f"  flow     {LONG} version 1 (f-2)\n" in told("executions", "show", "x-2").stdout
    assert "  Long name Long name Long name…  " in told("executions", "list").stdout


def test_the_list_for_people_fits_and_shows_seconds(told: Mal) -> None:
    lines = told("executions", "list").stdout.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert len(line) <= 120
        assert line == line.rstrip()
    assert lines[1].endswith("2026-11-02T00:00:00Z")


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (["--flow", "nope"], "no flow has the id or name 'nope'; `mal flows list` shows what there is"),
        (["--subject", "nobody"], "nothing is recorded about 'nobody'"),
        (["--subject", "contact_789", "--status", "paused"], "no such executions"),
    ],
)
def test_what_is_not_known_is_said(told: Mal, filters: list[str], said: str) -> None:
    answer = told("executions", "list", *filters)
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert said in answer.stderr


def test_the_beginning_of_an_id_is_enough_where_it_is_unique(mal: Mal, database: str) -> None:
    ids = [f"abcdef{number}0-0000" for number in range(7)]
    asyncio.run(_write(database, [execution(one) for one in ids]))
    (shown,) = rows(mal("executions", "show", "abcdef3", "--json"))
    assert shown["executionId"] == ids[3]
    refused = mal("executions", "show", "abcdef")
    assert refused.exit_code == 1
    assert "several executions begin with 'abcdef'; say more of the id:\n  abcdef00-0000\n" in refused.stderr
    assert refused.stderr.rstrip().endswith("…")


@pytest.mark.parametrize(
    ("filters", "events"),
    [
        ([], ["e-9", "e-8"]),
        (["--limit", "1"], ["e-9"]),
        (["--flow", "f-2"], ["e-8"]),
        (["--reason", "cooldown"], ["e-9"]),
        (["--subject", "contact_789"], ["e-9"]),
        (["--since", "2026-11-01T12:00:00Z"], ["e-9"]),
        (["--flow", "f-2", "--reason", "cooldown"], []),
    ],
)
def test_what_was_held_back_is_listed_newest_first(told: Mal, filters: list[str], events: list[str]) -> None:
    assert [row["eventId"] for row in rows(told("decisions", "list", *filters, "--json"))] == events


def test_what_was_held_back_is_told_to_people_with_its_reason(told: Mal) -> None:
    heading, first, second = told("decisions", "list").stdout.splitlines()
    assert heading.split() == ["at", "decision", "reason", "flow", "subject", "event"]
    assert first.split() == [
        "2026-11-02T00:00:00Z", "suppressed", "cooldown", "f-1", "contact", "contact_789", "email_open",
    ]  # fmt: skip
    assert second.split() == ["2026-11-01T00:00:00Z", "held", "paused", "f-2", "email_open"]
    assert "no flow has the id or name 'nope'" in told("decisions", "list", "--flow", "nope").stderr
