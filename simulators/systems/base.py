"""What every simulated system is: a name, what it hears, and how it does the work of a command.

A system computes: it is told the moment, and says what is to be published when. It knows no Kafka and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from simulators.values import Command, Json, Moment, Payload, Publication


class CannotDoError(Exception):
    """A system can't do a command, now or ever again: the code, and a sentence that names the field and the value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Done:
    """The work of a command: what the answer's `output` says, and the events it leads to."""

    output: Mapping[str, Json]
    publications: tuple[Publication, ...] = field(default=())


class TapSystem(Protocol):
    """One of the six systems of TotalAudio Promo."""

    @property
    def name(self) -> str:
        """Its name in the table of systems (contract.md section 1)."""

    @property
    def hears(self) -> frozenset[str]:
        """Types of the events it keeps its state by."""

    def perform(self, command: Command, now: Moment) -> Done:
        """Do the work of a command.

        Raises:
            CannotDoError: what the command asks for can't be done.
        """

    def hear(self, event: Mapping[str, Json], now: Moment) -> tuple[Publication, ...]:
        """Take note of an event of a type it hears; return what it publishes about it."""


def text_of(payload: Payload, name: str) -> str:
    """Return a required text of a payload.

    Raises:
        CannotDoError: it is missing, or no text.
    """
    value = payload.get(name)
    if isinstance(value, str) and value:
        return value
    raise CannotDoError("invalid_payload", f"payload.{name} must be a non-empty string, it is {value!r}")
