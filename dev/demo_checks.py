"""Whether the demo's counts reconcile: Kafka against Postgres, and what a run must have shown. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dev.demo_census import Census
from engine.systems import BY_COMMAND_TYPE
from store.reconcile import FlowSums


@dataclass(frozen=True, slots=True)
class Audit:
    """What Postgres holds."""

    executions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By flow id and status."""
    steps: int = 0
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By what was decided and why."""
    answers: int = 0
    command_ids: Counter[str] = field(default_factory=Counter)
    """The commands that steps made, and in how many steps each stands."""
    flows: Mapping[str, FlowSums] = field(default_factory=dict)
    """By flow id."""
    unexplained: Sequence[str] = ()
    """What was left out, put off or ended without a reason."""

    @property
    def rows(self) -> int:
        """Return how many rows that is."""
        return self.executions.total() + self.steps + self.decisions.total() + self.answers


class Check(NamedTuple):
    """One thing that must hold: what, whether it does, and the figures."""

    what: str
    ok: bool
    figures: str


def reconcile(census: Census, audit: Audit, *, published: int, dead_letters: int = 0) -> list[Check]:
    """Compare what was sent, what was seen on Kafka, and what Postgres holds.

    Args:
        census: everything on Kafka, as a read_committed reader sees it.
        audit: everything in Postgres.
        published: how many events there must be on Kafka.
        dead_letters: how many dead letters there were before.
    """
    found = nothing_missing(census, audit, published=published, dead_letters=dead_letters)
    return [*found, *_all_at_rest(census), *_everything_shown(census)]


def nothing_missing(census: Census, audit: Audit, *, published: int, dead_letters: int = 0) -> Iterator[Check]:
    """Compare as `reconcile` does, at any moment at which the audit has written all: also while executions run."""
    yield _equal("events on Kafka = events published", census.events.total(), published)
    yield _none("events that could not be read", census.dead_letters - dead_letters)
    twice = sum(count > 1 for count in census.commands.values())
    yield Check("each command on Kafka once", not twice, f"{len(census.commands):,}, {twice:,} of them twice")
    ids = census.command_types.keys()
    yield _none("commands on Kafka without a step in Postgres", len(ids - audit.command_ids.keys()))
    yield _none("commands of steps in Postgres that are not on Kafka", len(audit.command_ids.keys() - ids))
    yield _none("commands that stand in two steps", sum(count > 1 for count in audit.command_ids.values()))
    yield _equal("executions in Postgres = on the feed", audit.executions.total(), len(census.executions))
    yield _same("executions by flow and status, the same in both", audit.executions, census.executions_by_flow)
    yield _equal("steps in Postgres = on the feed", audit.steps, len(census.steps))
    yield _same("decisions by reason, the same in both", audit.decisions, census.decisions)
    yield _equal("answers in Postgres = on Kafka", audit.answers, len(census.answers))
    adrift = sum(not sums.reconciles for sums in audit.flows.values())
    yield _none("flows whose matches or executions do not add up", adrift)
    yield _none("steps, waits or ends without a reason", len(audit.unexplained))
    yield _none("records missing on the feed", census.gaps)


def _all_at_rest(census: Census) -> Iterator[Check]:
    yield _none("commands without an answer", len(census.commands.keys() - census.answers.keys()))
    yield _none("executions still running", census.running)


def _everything_shown(census: Census) -> Iterator[Check]:
    answered = {census.command_types[command] for command, _ in census.answers if command in census.command_types}
    lacking = sorted(BY_COMMAND_TYPE.keys() - answered)
    yield Check("each type of command answered", not lacking, ", ".join(lacking) or f"all {len(BY_COMMAND_TYPE)}")
    started = sum(execution.event_id in census.caused for execution in census.executions.values())
    yield Check("executions started by the work of a command", started > 0, f"{started:,}")
    for status in ("succeeded", "failed", "partial"):
        ended = sum(execution.status == status for execution in census.executions.values())
        yield Check(f"executions that {_ended(status)}", ended > 0, f"{ended:,}")


def _ended(status: str) -> str:
    return "succeeded in part" if status == "partial" else status


def _equal(what: str, left: int, right: int) -> Check:
    return Check(what, left == right, f"{left:,}" if left == right else f"{left:,} and {right:,}")


def _same(what: str, left: Mapping[tuple[str, str], int], right: Mapping[tuple[str, str], int]) -> Check:
    return Check(what, left == right, f"{sum(left.values()):,}" if left == right else "they differ")


def _none(what: str, count: int) -> Check:
    return Check(f"no {what}", count == 0, f"{count:,}")
