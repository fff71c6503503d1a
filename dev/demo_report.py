"""What the demo shows: a line of progress while it runs, and the summary at its end. Counts nothing itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dev.demo_census import Census
from dev.demo_checks import Audit, Check

PLAIN_WIDTH = 120
NAMES = frozenset({"flow", "system", "command"})
"""Headings of columns that hold names; the others hold numbers."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the demo is."""

    told: int
    to_tell: int
    census: Census
    not_audited: int
    elapsed_seconds: float

    def line(self) -> str:
        """Return it as one line."""
        census = self.census
        return (
            f"{self.elapsed_seconds:5.1f} s  {self.told / self.to_tell:4.0%} told · events {census.events.total():,}"
            f" · executions {len(census.executions):,} ({census.running:,} running)"
            f" · commands {len(census.commands):,} · answers {len(census.answers):,}"
            f" · audit behind by {self.not_audited:,}"
        )


class Screen:
    """Where the demo prints: lines, and a line of progress that stays in place on a terminal."""

    def __init__(self) -> None:
        wide = None if sys.stdout.isatty() else PLAIN_WIDTH
        self._console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=wide)
        self._in_place = sys.stdout.isatty()
        self._open = False

    @property
    def pause_seconds(self) -> float:
        """Return how often progress is worth showing: seldom where every time is a line of its own."""
        return 0.25 if self._in_place else 2.0

    def say(self, text: str | Text = "") -> None:
        """Print a line."""
        self._close()
        self._console.print(text, soft_wrap=True)

    def progress(self, progress: Progress) -> None:
        """Show how far it is."""
        if not self._in_place:
            self.say(progress.line())
            return
        line = progress.line()[: self._console.width - 1]
        sys.stdout.write(f"\r\x1b[2K{line}")
        sys.stdout.flush()
        self._open = True

    def summary(self, census: Census, audit: Audit, names: Mapping[str, str]) -> None:
        """Print what happened."""
        self.say()
        self._pairs(
            {
                "events in": f"{census.events.total():,}  ({_listed(census.events)})",
                "matched": f"{census.matched:,} events started {len(census.executions):,} executions",
                "commands out": f"{len(census.commands):,}, answered {len(census.answers):,} times"
                f"  ({_listed(census.answer_statuses)})",
                "held back": f"{census.decisions.total():,}  ({_listed(_by_reason(census))})",
                "dead letters": f"{census.dead_letters:,}",
                "audit rows": f"{audit.rows:,}  (executions {audit.executions.total():,}, steps {audit.steps:,}, "
                f"decisions {audit.decisions.total():,}, answers {audit.answers:,})",
            }
        )
        self.say()
        self._table("executions by flow", _by_flow(census, names))
        self._table("commands by system", _by_system(census))

    def checks(self, checks: Iterable[Check]) -> None:
        """Print what was to hold, and whether it does."""
        self.say(Text("what must hold", "bold"))
        for check in checks:
            mark = ("✓", "green") if check.ok else ("✗", "bold red")
            self.say(Text.assemble("  ", mark, f" {check.what}: {check.figures}"))

    def _pairs(self, pairs: Mapping[str, str]) -> None:
        for name, value in pairs.items():
            self.say(Text.assemble((f"{name:<14}", "bold"), value))

    def _table(self, title: str, rows: list[tuple[str, ...]]) -> None:
        head, *body = rows
        table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
        for heading in head:
            table.add_column(heading, justify="left" if heading in NAMES else "right", header_style="dim")
        for row in body:
            table.add_row(*row)
        self._console.print(table)
        self.say()

    def _close(self) -> None:
        if self._open:
            sys.stdout.write("\n")
            self._open = False


def _by_flow(census: Census, names: Mapping[str, str]) -> list[tuple[str, ...]]:
    statuses = sorted({status for _, status in census.executions_by_flow})
    flows = sorted({flow for flow, _ in census.executions_by_flow}, key=lambda flow: names.get(flow, flow))
    counts = census.executions_by_flow
    rows = [(names.get(flow, flow), *(f"{counts.get((flow, status), 0):,}" for status in statuses)) for flow in flows]
    return [("flow", *statuses), *rows]


def _by_system(census: Census) -> list[tuple[str, ...]]:
    rows = [(system, kind, f"{count:,}") for (system, kind), count in sorted(census.commands_by_system.items())]
    return [("system", "command", "count"), *rows]


def _by_reason(census: Census) -> Mapping[str, int]:
    return {f"{decision} {reason}": count for (decision, reason), count in census.decisions.items()}


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"
