"""`mal doctor`: is everything there that the parts need, does what was written agree, and what is set?"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Final

import typer
from rich.text import Text

from cli.checks.finding import Finding
from cli.checks.history import look_at_history
from cli.checks.kafka import look_at_group, look_at_kafka
from cli.checks.postgres import look_at_postgres
from cli.errors import REFUSED, WrongUsage
from cli.output import AsJson, cell, print_json, print_text
from cli.settings import WrongSettingsError, find_settings
from cli.times import moment
from streams.groups import AUDIT, WORKERS
from streams.settings import Settings
from streams.topics import AUDITED_TOPICS, INPUT_TOPICS

PACKAGES: Final = ("tap-automations", "aiokafka", "faust-streaming", "asyncpg")
Range = tuple[int, int]


def command(
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="T", help="Reconcile feed, commands and audit from then on: a time, or 7d."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="T", help="Where that ends; now, where it is not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at Kafka, its topics, the workers, Postgres, its tables and the audit, and print every setting.

    Secrets are masked. Exits 1 where something is wrong, saying what to do about it.
    """
    span = _range(since, until)
    try:
        settings = find_settings()
    except WrongSettingsError as wrong:
        findings = [Finding(variable, False, fault) for variable, fault in wrong.faults]
    else:
        findings = asyncio.run(_look(settings, span))
        findings += [Finding(name, True, value) for name, value in settings.masked().items()]
    _print(findings, as_json=as_json)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(REFUSED)


def _range(since: str | None, until: str | None) -> Range | None:
    if since is None:
        if until is not None:
            raise WrongUsage("--to needs --from")
        return None
    now = datetime.now(UTC)
    try:
        begin, end = moment(since, now), moment(until, now) if until else now
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    if begin >= end:
        raise WrongUsage(f"--from {since} is not before --to {until or 'now'}")
    return round(begin.timestamp() * 1000), round(end.timestamp() * 1000)


async def _look(settings: Settings, span: Range | None) -> list[Finding]:
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    kafka, topics_are_there = await look_at_kafka(settings)
    found, positions = await look_at_postgres(settings)
    if topics_are_there:
        kafka += [await look_at_group(settings, "workers", WORKERS, INPUT_TOPICS)]
        if positions is not None:
            found += [await look_at_group(settings, "audit", AUDIT, AUDITED_TOPICS, positions)]
            if span is not None:
                found += await look_at_history(settings, *span, positions)
    if span is not None and not (topics_are_there and positions is not None):
        found += [Finding("history", False, "cannot be reconciled before what is wrong above is mended")]
    return [Finding("versions", True, f"{versions}, Python {platform.python_version()}"), *kafka, *found]


def _print(findings: Iterable[Finding], *, as_json: bool) -> None:
    for finding in findings:
        if as_json:
            print_json(finding._asdict())
        else:
            mark = ("ok   ", "green") if finding.ok else ("wrong", "bold red")
            print_text(Text.assemble(mark, f"  {finding.check:<32} ", cell(finding.detail) or "not set"))
