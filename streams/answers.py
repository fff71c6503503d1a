"""The answers of TAP systems on `tap.command-results` (contract.md section 3)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator

from engine.wire import Wire, parse_rfc3339
from engine.wording import first_fault, plain
from streams.codecs import Poison, parse_json


class Answer(Wire):
    """What a system says of one attempt at a command. Fields nobody knows are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)

    command_id: str = Field(min_length=1)
    attempt: int = Field(ge=1, le=2**31 - 1)
    status: Literal["succeeded", "failed"]
    retryable: bool | None = None
    error: Any = None
    output: Any = None
    finished_at: str | None = None

    @field_validator("finished_at")
    @classmethod
    def _is_a_time(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rfc3339(value)
        return value


def parse_answer(value: bytes) -> Answer:
    """Read an answer.

    Raises:
        Poison: it is none.
    """
    decoded = parse_json(value)
    try:
        return Answer.model_validate(decoded)
    except ValidationError as error:
        where, first = first_fault(error, "the record")
        raise Poison(f"is no answer: {where}: {plain(first)}") from error
