"""The desk of a system: takes commands, sees to it that each is done once, and writes the answers.

Failures are thrown here, the same way for every system. Knows no Kafka.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.systems import BY_COMMAND_TYPE
from engine.wire import rfc3339
from simulators.chance import Chance
from simulators.systems.base import CannotDoError, TapSystem
from simulators.values import Command, Json, Moment, Publication, Reaction
from simulators.works import Works

RETRYABLE_SHARE = 0.8
"""Of one hundred failures that were thrown, so many may go away by trying again."""


class Desk:
    """One system with its books.

    Args:
        system: who does the work.
        works: what was done before, shared with whoever restores it.
        chance: the dice.
        failure_rate: the share of attempts (0 … 1) that fail for no reason of theirs.
    """

    def __init__(self, system: TapSystem, works: Works, chance: Chance, failure_rate: float) -> None:
        self.system = system
        self._works = works
        self._chance = chance
        self._failure_rate = failure_rate

    def take(self, command: Command, now: Moment) -> Reaction | None:
        """Work on one attempt at a command; None where its work is done already."""
        if not self._works.is_new(command.id, command.attempt):
            return None
        try:
            self._check(command)
            done = self.system.perform(command, now)
        except CannotDoError as error:
            return self._failed(command, now, error, retryable=False)
        except _OutOfOrderError as error:
            return self._failed(command, now, error, retryable=error.retryable)
        self._works.record(command.id, command.attempt, succeeded=True)
        return Reaction(_answer(command, now, "succeeded", output=done.output), done.publications)

    def hear(self, event: Mapping[str, Json], now: Moment) -> tuple[Publication, ...]:
        """Let the system take note of an event; types it does not listen to are passed over."""
        if event.get("type") not in self.system.hears or not isinstance(event.get("payload"), dict):
            return ()
        return self.system.hear(event, now)

    def _check(self, command: Command) -> None:
        owner = BY_COMMAND_TYPE.get(command.type)
        if owner is None or owner.name != self.system.name:
            raise CannotDoError("unknown_type", f"{self.system.name} has no command {command.type!r}")
        if self._chance.happens(self._failure_rate, "fails", command.id, command.attempt):
            raise _OutOfOrderError(
                self.system.name,
                retryable=self._chance.happens(RETRYABLE_SHARE, "retryable", command.id, command.attempt),
            )

    def _failed(
        self, command: Command, now: Moment, error: CannotDoError | _OutOfOrderError, *, retryable: bool
    ) -> Reaction:
        self._works.record(command.id, command.attempt, succeeded=False)
        problem = {"code": error.code, "message": error.message}
        return Reaction(_answer(command, now, "failed", retryable=retryable, error=problem))


class _OutOfOrderError(Exception):
    """A failure that was thrown."""

    code = "unavailable"

    def __init__(self, system: str, *, retryable: bool) -> None:
        self.retryable = retryable
        advice = "try again" if retryable else "trying again will not help"
        self.message = f"{system} could not do it this time (simulated failure); {advice}"
        super().__init__(self.message)


def _answer(
    command: Command,
    now: Moment,
    status: str,
    *,
    retryable: bool = False,
    error: Mapping[str, Json] | None = None,
    output: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    return {
        "commandId": command.id,
        "attempt": command.attempt,
        "status": status,
        "retryable": retryable,
        "error": error,
        "output": output,
        "finishedAt": rfc3339(now.now_ms),
    }
