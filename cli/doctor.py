"""`mal doctor`: is everything there that the parts need, and what is set?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import typer
from rich.text import Text

from cli.errors import REFUSED, Refused
from cli.kafka import kafka_errors
from cli.output import AsJson, cell, print_json, print_text
from cli.postgres import address, postgres
from cli.settings import WrongSettingsError, find_settings, kafka_address, postgres_dsn
from store.migrate import pending
from store.reconcile import audit_positions
from streams import admin
from streams.groups import AUDIT, WORKERS, look
from streams.settings import Settings
from streams.topics import COMMAND_RESULTS, EXECUTIONS, INPUT_TOPICS

COMMANDS: Final = {"workers": "worker", "audit": "audit"}
"""What runs each of the groups that are looked at."""


class Finding(NamedTuple):
    """One thing that was looked at: what, whether it is as it must be, and what was seen."""

    check: str
    ok: bool
    detail: str


def command(as_json: AsJson = False) -> None:
    """Look at Kafka, its topics, the workers, Postgres, its tables and the audit, and print every setting.

    Secrets are masked. Exits 1 where something is wrong, saying what to do about it.
    """
    try:
        settings = find_settings()
    except WrongSettingsError as wrong:
        findings = [Finding(variable, False, fault) for variable, fault in wrong.faults]
    else:
        findings = asyncio.run(_look(settings))
        findings += [Finding(name, True, value) for name, value in settings.masked().items()]
    _print(findings, as_json=as_json)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(REFUSED)


async def _look(settings: Settings) -> list[Finding]:
    kafka = await _kafka(settings)
    found, positions = await _postgres(settings)
    if all(one.ok for one in kafka):
        bootstrap = kafka_address(settings)
        kafka += [await _group(settings, bootstrap, "workers", WORKERS, INPUT_TOPICS)]
        if positions is not None:
            found += [await _group(settings, bootstrap, "audit", AUDIT, (EXECUTIONS, COMMAND_RESULTS), positions)]
    return [*kafka, *found]


async def _kafka(settings: Settings) -> list[Finding]:
    try:
        bootstrap = kafka_address(settings)
        with kafka_errors(bootstrap):
            topics = await _topics(settings)
    except Refused as refusal:
        return [Finding("kafka", False, str(refusal))]
    return [Finding("kafka", True, f"{bootstrap} answers"), topics]


async def _group(
    settings: Settings,
    bootstrap: str,
    who: str,
    group: str,
    topics: Iterable[str],
    positions: Mapping[tuple[str, int], int] | None = None,
) -> Finding:
    try:
        with kafka_errors(bootstrap):
            stands = await look(settings.kafka_client(), group, topics, positions)
    except Refused as refusal:
        return Finding(who, False, str(refusal))
    if stands.members:
        behind = f"{stands.lag:,} to read" if stands.lag else "nothing to read"
        return Finding(who, True, f"{stands.members} at work, {behind}")
    if stands.lag:
        return Finding(who, False, f"none runs, and {stands.lag:,} wait to be read; start `mal {COMMANDS[who]}`")
    return Finding(who, True, f"none runs; nothing waits for `mal {COMMANDS[who]}`")


async def _topics(settings: Settings) -> Finding:
    try:
        partitions = await admin.check_topics(settings)
    except admin.TopicsError as error:
        return Finding("topics", False, str(error))
    return Finding("topics", True, f"all there, with {partitions} partitions where they carry subjects")


async def _postgres(settings: Settings) -> tuple[list[Finding], dict[tuple[str, int], int] | None]:
    """Look at Postgres; also return what the audit reads next, None where that cannot be known."""
    try:
        where = address(postgres_dsn(settings))
        async with postgres(settings) as pool:
            async with pool.acquire() as connection:
                version = await connection.fetchval("show server_version")
                missing = await pending(connection)
            positions = None if missing else await audit_positions(pool)
    except Refused as refusal:
        return [Finding("postgres", False, str(refusal))], None
    tables = f"not applied: {', '.join(missing)}; run `mal db migrate`" if missing else "up to date"
    answers = Finding("postgres", True, f"{where} answers, version {version}")
    return [answers, Finding("tables", not missing, tables)], positions


def _print(findings: Iterable[Finding], *, as_json: bool) -> None:
    for finding in findings:
        if as_json:
            print_json(finding._asdict())
        else:
            mark = ("ok   ", "green") if finding.ok else ("wrong", "bold red")
            print_text(Text.assemble(mark, f"  {finding.check:<32} ", cell(finding.detail) or "not set"))
