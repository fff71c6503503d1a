"""Whether the demo's counts reconcile: Kafka against Postgres, and what a run must have shown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from dev.demo_census import Census
from engine.systems import BY_COMMAND_TYPE


@dataclass(frozen=True, slots=True)
class Audit:
    """What Postgres holds of the run."""

    executions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By flow id and status."""
    steps: int = 0
    decisions: int = 0
    answers: int = 0
    command_ids: AbstractSet[str] = frozenset()
    """Of all steps."""

    @property
    def rows(self) -> int:
        """Return how many rows that is."""
        return sum(self.executions.values()) + self.steps + self.decisions + self.answers


class Check(NamedTuple):
    """One thing that must hold: what, whether it does, and the figures."""

    what: str
    ok: bool
    figures: str


def reconcile(census: Census, audit: Audit, *, published: int) -> list[Check]:
    """Compare what was sent, what was seen on Kafka, and what Postgres holds.

    Args:
        census: everything on Kafka, as a read_committed reader sees it.
        audit: everything in Postgres.
        published: how many events the simulators have put on Kafka.
    """
    return [*_nothing_missing(census, audit, published), *_everything_shown(census)]


def _nothing_missing(census: Census, audit: Audit, published: int) -> Iterator[Check]:
    yield _equal("events on Kafka = events published", census.events.total(), published)
    yield _none("events that could not be read", census.dead_letters)
    twice = sum(count > 1 for count in census.commands.values())
    yield Check("each command on Kafka once", not twice, f"{len(census.commands):,}, {twice:,} of them twice")
    ids = census.command_types.keys()
    yield _none("commands on Kafka without a step in Postgres", len(ids - audit.command_ids))
    yield _none("commands of steps in Postgres that are not on Kafka", len(audit.command_ids - ids))
    yield _none("commands without an answer", len(census.commands.keys() - census.answers.keys()))
    yield _equal("executions in Postgres = on the feed", sum(audit.executions.values()), len(census.executions))
    differing = dict(audit.executions) != dict(census.executions_by_flow)
    yield Check("executions by flow and status, the same in both", not differing, "differ" if differing else "the same")
    yield _equal("steps in Postgres = on the feed", audit.steps, len(census.steps))
    yield _equal("decisions in Postgres = on the feed", audit.decisions, census.decisions.total())
    yield _equal("answers in Postgres = on Kafka", audit.answers, len(census.answers))
    yield _none("records missing on the feed", census.gaps)
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


def _none(what: str, count: int) -> Check:
    return Check(f"no {what}", count == 0, f"{count:,}")
