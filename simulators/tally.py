"""What the simulators did so far, counted: for progress lines and for tests. Counts only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counters of one run."""

    told: int = 0
    """Events of the world: what people did of their own accord."""
    published: Counter[str] = field(default_factory=Counter)
    """All events that are on Kafka, by type."""
    commands: Counter[str] = field(default_factory=Counter)
    """Commands received, by type, repeats and malformed ones not among them."""
    answers: Counter[str] = field(default_factory=Counter)
    """Answers that are on Kafka, by status."""
    repeats: int = 0
    """Commands whose work was done before."""
    malformed: int = 0
    """Records on the commands topics that are no commands."""

    def line(self) -> str:
        """Return the counts as one line."""
        return (
            f"events {self.published.total():,} ({self.told:,} of the world) · "
            f"commands {self.commands.total():,} · answers "
            + (", ".join(f"{count:,} {status}" for status, count in sorted(self.answers.items())) or "none")
            + (f" · repeats {self.repeats:,}" if self.repeats else "")
            + (f" · malformed {self.malformed:,}" if self.malformed else "")
        )
