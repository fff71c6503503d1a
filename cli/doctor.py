"""`mal doctor`: is everything there that the parts need, and what is set?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

import typer
from rich.text import Text

from cli.errors import REFUSED, Refused
from cli.kafka import kafka_errors
from cli.output import AsJson, cell, print_json, print_text
from cli.postgres import address, postgres
from cli.settings import find_settings, kafka_address, postgres_dsn
from store.migrate import pending
from streams import admin
from streams.settings import Settings


class Finding(NamedTuple):
    """One thing that was looked at: what, whether it is as it must be, and what was seen."""

    check: str
    ok: bool
    detail: str


def command(as_json: AsJson = False) -> None:
    """Print every setting (secrets masked), and look at Kafka, its topics, Postgres and its tables.

    Exits 1 where something is wrong, saying what to do about it.
    """
    settings = find_settings()
    findings = [Finding(name, True, value) for name, value in settings.masked().items()]
    findings += asyncio.run(_look(settings))
    _print(findings, as_json=as_json)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(REFUSED)


async def _look(settings: Settings) -> list[Finding]:
    return [*await _kafka(settings), *await _postgres(settings)]


async def _kafka(settings: Settings) -> list[Finding]:
    try:
        bootstrap = kafka_address(settings)
        with kafka_errors(bootstrap):
            topics = await _topics(settings)
    except Refused as refusal:
        return [Finding("kafka", False, str(refusal))]
    return [Finding("kafka", True, f"{bootstrap} answers"), topics]


async def _topics(settings: Settings) -> Finding:
    try:
        partitions = await admin.check_topics(settings)
    except admin.TopicsError as error:
        return Finding("topics", False, str(error))
    return Finding("topics", True, f"all there, with {partitions} partitions where they carry subjects")


async def _postgres(settings: Settings) -> list[Finding]:
    try:
        where = address(postgres_dsn(settings))
        async with postgres(settings) as pool, pool.acquire() as connection:
            version = await connection.fetchval("show server_version")
            missing = await pending(connection)
    except Refused as refusal:
        return [Finding("postgres", False, str(refusal))]
    tables = f"not applied: {', '.join(missing)}; run `mal db migrate`" if missing else "up to date"
    return [Finding("postgres", True, f"{where} answers, version {version}"), Finding("tables", not missing, tables)]


def _print(findings: Iterable[Finding], *, as_json: bool) -> None:
    for finding in findings:
        if as_json:
            print_json(finding._asdict())
        else:
            mark = ("ok   ", "green") if finding.ok else ("wrong", "bold red")
            print_text(Text.assemble(mark, f"  {finding.check:<32} ", cell(finding.detail)))
