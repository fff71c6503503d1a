"""A command whose answer is awaited: what each answer means, and what the time does."""

from __future__ import annotations

from typing import Any

from tests.reference.chance import backoff_seconds

Awaited = dict[str, Any]
Answer = dict[str, Any]
WEEK = 7 * 86_400_000


def awaited(command: str, attempt: int, deadline: int, retry: dict[str, Any], output: dict[str, Any]) -> Awaited:
    """What is known of a command that has just gone out. A retry by hand has all its attempts again."""
    return {"command": command, "attempt": attempt, "first": attempt, "deadline": deadline, "retry": retry,
            "output": output, "pause": None}  # fmt: skip


def is_late(one: Awaited, answer: Answer) -> bool:
    """A success always counts; a failure counts for its own attempt only, and once."""
    if answer["command"] != one["command"]:
        return True
    return not answer["succeeded"] and (answer["attempt"] != one["attempt"] or one["pause"] is not None)


def is_tried_again(one: Awaited, answer: Answer) -> bool:
    """What failed with `retryable` is tried again, at most `maxAttempts` in all."""
    made = one["attempt"] - one["first"] + 1
    return bool(answer["retryable"]) and made < one["retry"].get("maxAttempts", 3)


def pause_seconds(one: Awaited) -> float:
    """How long before the next attempt."""
    return backoff_seconds(one["retry"], one["command"], one["attempt"] - one["first"] + 1)


def answered(one: Awaited, answer: Answer) -> dict[str, Any]:
    """The output of a step whose command worked: what the action gives, and what the system said."""
    said = answer["output"]
    if isinstance(said, dict):
        return {**one["output"], **said}
    return {**one["output"], "result": said} if said is not None else one["output"]
