"""CMG: keeps what worked for a campaign, its success fingerprint, and tells it whenever it changes."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.events import by_command
from simulators.systems.base import Done, text_of
from simulators.values import Command, Json, Moment, Publication

NAME = "cmg"


class Cmg:
    """Successes and attempts of each campaign."""

    name = NAME
    hears: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._successes: dict[str, int] = {}
        self._attempts: dict[str, int] = {}

    def perform(self, command: Command, now: Moment) -> Done:
        """Note an outcome of a campaign."""
        campaign, outcome = text_of(command.payload, "campaignId"), command.payload.get("outcome")
        counts = self._attempts if command.payload.get("logType") == "attempt" else self._successes
        counts[campaign] = counts.get(campaign, 0) + 1
        successes, attempts = self._successes.get(campaign, 0), self._attempts.get(campaign, 0)
        fingerprint = {
            "successes": successes, "attempts": attempts, "lastOutcome": outcome,
            "score": round(successes / (successes + attempts), 4),
        }  # fmt: skip
        payload = {"campaignId": campaign, "fingerprint": fingerprint}
        changed = by_command("success_fingerprint_updated", NAME, payload, command, at_ms=now.now_ms)
        return Done({"campaignId": campaign, "score": fingerprint["score"]}, (changed,))

    def hear(self, event: Mapping[str, Json], now: Moment) -> tuple[Publication, ...]:  # noqa: ARG002 -- the port's shape
        """Hear nothing: fingerprints change by what CMG is told."""
        return ()
