"""`mal doctor --from T`: feed, commands and audit of a time range, reconciled record by record."""

from __future__ import annotations

from collections.abc import Mapping

from cli.checks.finding import Finding, some
from cli.errors import Refused
from cli.kafka import kafka_errors
from cli.postgres import postgres
from store import reconcile
from streams.ledger import Ledger, keep_ledger
from streams.settings import Settings
from streams.topics import EXECUTIONS


async def look_at_history(
    settings: Settings, from_ms: int, to_ms: int, positions: Mapping[tuple[str, int], int]
) -> list[Finding]:
    """Compare what the feed, the commands topics and Postgres say of a time range.

    Args:
        settings: where they are.
        from_ms: when it begins.
        to_ms: when it ends, not in it.
        positions: what the audit reads next, by topic and partition.
    """
    try:
        with kafka_errors(settings):
            ledger = await keep_ledger(
                settings.kafka_client(), from_ms, to_ms, lambda partition: positions.get((EXECUTIONS, partition))
            )
        return [_feed(ledger), _commands(ledger, settings), await _audit(settings, ledger)]
    except Refused as refusal:
        return [Finding("history", False, str(refusal))]


def _feed(ledger: Ledger) -> Finding:
    wrong = [
        f"{len(found):,} executions {what}: {some(sorted(found))}"
        for what, found in (("lack a record", ledger.gaps), ("have a record twice", ledger.repeated))
        if found
    ]
    if wrong:
        hint = "was mal.executions changed by hand, or its retention shortened?"
        return Finding("feed", False, f"{'; '.join(wrong)}; {hint}")
    return Finding("feed", True, f"{ledger.records:,} records, none missing between two of an execution")


def _commands(ledger: Ledger, settings: Settings) -> Finding:
    lost = _named(("that a step made are on no commands topic", ledger.unsent()))
    more = _named(("were sent more than once", ledger.twice()), ("stand in no step of the feed", ledger.untold()))
    # What at_least_once may leave behind a crash is no fault (docs/adr/0004).
    is_allowed = settings.processing == "at_least_once"
    if lost or (more and not is_allowed):
        hint = "are they older than the retention of their topics? Else somebody else writes or deletes there"
        return Finding("commands", False, "; ".join((*lost, *more, hint)))
    if more:
        return Finding("commands", True, "; ".join((*more, "at_least_once may do that after a crash; none is lost")))
    return Finding("commands", True, f"{ledger.commands:,}, each in a step of the feed, and each of a step is there")


def _named(*found: tuple[str, list[str]]) -> list[str]:
    return [f"{len(commands):,} {what}: {some(commands)}" for what, commands in found if commands]


async def _audit(settings: Settings, ledger: Ledger) -> Finding:
    async with postgres(settings) as pool:
        executions = await reconcile.missing_executions(pool, ledger.executions)
        # Steps of an execution that is not there at all say nothing more.
        gone = set(executions)
        steps = await reconcile.missing_steps(pool, {step for step in ledger.steps if step[0] not in gone})
        decisions = await reconcile.missing_decisions(pool, EXECUTIONS, ledger.decisions)
    wrong = [
        f"{len(found):,} {what} of the feed are not in {table}: {some(names)}"
        for what, table, found, names in (
            ("executions", "automation_executions", executions, executions),
            ("steps", "automation_execution_steps", steps, [f"{one} of {execution}" for execution, one, _ in steps]),
            ("decisions", "automation_decisions", decisions, [f"{EXECUTIONS}:{n}:{place}" for n, place in decisions]),
        )
        if found
    ]
    if wrong:
        again = "set next_offset in automation_audit_positions back: `mal audit` writes them again from the feed"
        return Finding("audit rows", False, f"{'; '.join(wrong)}; {again}")
    held = f"{len(ledger.executions):,} executions, {len(ledger.steps):,} steps, {len(ledger.decisions):,} decisions"
    later = f"; {ledger.unwritten:,} records are not written yet" if ledger.unwritten else ""
    return Finding("audit rows", True, f"{held}, as on the feed{later}")
