"""The commands of one step whose answers are awaited: attempts, backoff and the end (product.md section 2).

An `AwaitedStep` stands over the JSON that the step's wait keeps, so it survives whatever the execution survives. What
is retried is what was rendered at first: payload and rule are kept here. Knows no clock: times come in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal

from engine.chance import fraction
from engine.inputs import Answered, Command
from engine.nodes.base import Done, Failed
from engine.options import Options, RetryRule
from engine.systems import BY_COMMAND_TYPE
from engine.types import CommandId, Json, NodeId, Subject

ANSWER: Final = "answer"
RETRY: Final = "retry"
"""Why such a wait is open: for an answer, or for the next attempt."""

JITTER: Final = 0.2
"""A pause is shorter than its rule says by up to this share, so that what failed together is not tried together."""
_MAX_SAID_CHARS: Final = 500

Taken = Literal["pending", "done"]


def backoff_seconds(rule: RetryRule, command: CommandId, attempt: int) -> float:
    """Return the pause after a failed attempt: growing, bounded, and a little shorter by a hash."""
    full = min(rule.initial_seconds * rule.factor ** (attempt - 1), rule.max_seconds)
    return full * (1 - JITTER * fraction("backoff", command, attempt))


class AwaitedStep:
    """What one step waits for.

    Args:
        knows: the JSON of its wait; changed here and nowhere else.
    """

    __slots__ = ("_knows",)

    def __init__(self, knows: dict[str, Json]) -> None:
        self._knows = knows

    @classmethod
    def begin(
        cls, done: Done, commands: Sequence[Command], options: Options, deadline_ms: int, goes_out_ms: int
    ) -> AwaitedStep:
        """Wait for the answers to commands that have just gone out.

        Args:
            done: what the action did.
            commands: at least one.
            options: of the node.
            deadline_ms: when the time of the step is over, in log time.
            goes_out_ms: when a message among them goes out, in wall time.
        """
        return cls({
            "goesOut": goes_out_ms,
            "deadline": deadline_ms,
            "seconds": options.timeout_seconds,
            "retry": options.retry.wire(),
            "first": commands[0].attempt,
            "output": dict(done.output),
            "tags": sorted(done.tags),
            "open": [
                {"id": command.id, "type": command.type, "payload": command.payload, "attempt": command.attempt,
                 "retryMs": None, "said": None}
                for command in commands
            ],
        })  # fmt: skip

    @property
    def knows(self) -> dict[str, Json]:
        """The JSON to keep."""
        return self._knows

    @property
    def output(self) -> dict[str, Json]:
        """What the step gives: the action's own output, and over it what was answered."""
        output: dict[str, Json] = self._knows["output"]
        return output

    @property
    def tags(self) -> frozenset[str]:
        """The tags that the subject has once it worked."""
        return frozenset(self._knows["tags"])

    @property
    def next_attempt(self) -> tuple[str, int]:
        """The system that the next attempt goes to, and when the time of the step is over."""
        command = next(one for one in self._knows["open"] if one["retryMs"] == min(self._pauses()))
        return _target(command), self._knows["deadline"]

    @property
    def attempt(self) -> int:
        """The highest attempt that was made of what is open."""
        attempts: list[int] = [command["attempt"] for command in self._knows["open"]]
        return max(attempts)

    @property
    def until_ms(self) -> int:
        """When something is to be done, should no answer come."""
        deadline_ms: int = self._knows["deadline"]
        return min([deadline_ms, *self._pauses()])

    @property
    def reason(self) -> str:
        """What the wait is for until then."""
        return RETRY if self.until_ms < self._knows["deadline"] else ANSWER

    @property
    def goes_out_ms(self) -> int:
        """When a message goes out, in wall time; one that was tried after that goes out when it is tried."""
        goes_out_ms: int = self._knows.get("goesOut", 0)
        return goes_out_ms

    @property
    def held_since_ms(self) -> int | None:
        """Since when the next attempt at a message is held back, in wall time; None where it is not."""
        return self._knows.get("heldSince")

    def put_off(self, now_ms: int, until_ms: int, since_ms: int) -> None:
        """Hold back what is due until then."""
        self._knows["heldSince"] = since_ms
        for command in self._knows["open"]:
            if command["retryMs"] is not None and command["retryMs"] <= now_ms:
                command["retryMs"] = until_ms

    def timed_out(self, now_ms: int) -> Failed | None:
        """Return the failure of a step whose time is over, all attempts included; None where it is not."""
        if now_ms < self._knows["deadline"]:
            return None
        command = self._knows["open"][0]
        said = f"; an attempt failed: {command['said']}" if command["said"] else ""
        seconds = self._knows["seconds"]
        message = (
            f"{_target(command)} did not say within {seconds:g} seconds that {command['type']} is done "
            f"(attempt {command['attempt']}){said}"
        )
        return Failed("answer_timeout", message, "options.timeoutSeconds", seconds)

    def again(self, now_ms: int, node_id: NodeId, subject: Subject) -> Iterator[Command]:
        """Yield the commands whose pause is over, as their next attempt."""
        self._knows.pop("heldSince", None)
        for command in self._knows["open"]:
            if command["retryMs"] is not None and command["retryMs"] <= now_ms:
                command["retryMs"] = None
                command["attempt"] += 1
                yield Command(
                    id=command["id"],
                    type=command["type"],
                    target=_target(command),
                    node_id=node_id,
                    subject=subject,
                    attempt=command["attempt"],
                    payload=command["payload"],
                )

    def takes(self, answer: Answered) -> bool:
        """Whether an answer counts: a success always does, a failure once, for the attempt that was made last."""
        command = self._command(answer)
        if command is None or answer.succeeded:
            return command is not None
        return answer.attempt == command["attempt"] and command["retryMs"] is None

    def take(self, answer: Answered, after: Callable[[float], int]) -> Taken | Failed:
        """Take an answer that counts.

        Args:
            answer: what a system said.
            after: when a pause of so many seconds would be over.

        Returns:
            `pending` where the step waits on, `done` where all is answered, or how the step failed.
        """
        command = self._command(answer)
        if command is None:
            raise AssertionError("an answer to none of its commands is not taken")
        if not answer.succeeded:
            return self._failed(command, answer, after)
        self._knows["open"].remove(command)
        if isinstance(answer.output, Mapping):
            self.output.update(answer.output)
        elif answer.output is not None:
            self.output["result"] = answer.output
        return "pending" if self._knows["open"] else "done"

    def _command(self, answer: Answered) -> dict[str, Json] | None:
        return next((one for one in self._knows["open"] if one["id"] == answer.command_id), None)

    def _failed(self, command: dict[str, Json], answer: Answered, after: Callable[[float], int]) -> Taken | Failed:
        rule = RetryRule.model_validate(self._knows["retry"])
        code, said = _said(answer.error)
        attempt = command["attempt"] - self._knows["first"] + 1  # those before belong to a try before
        if answer.retryable and attempt < rule.max_attempts:
            command["said"] = said
            command["retryMs"] = after(backoff_seconds(rule, answer.command_id, attempt))
            return "pending"
        times = f" {attempt} times" if attempt > 1 else ""
        return Failed("command_failed", f"{_target(command)} failed to do {command['type']}{times}: {said}", None, code)

    def _pauses(self) -> list[int]:
        return [command["retryMs"] for command in self._knows["open"] if command["retryMs"] is not None]


def _target(command: Mapping[str, Json]) -> str:
    return BY_COMMAND_TYPE[command["type"]].name


def _said(error: Json) -> tuple[str | None, str]:
    """Return the code of an error, and what it says, short enough to be kept."""
    code = error.get("code") if isinstance(error, Mapping) else None
    message = error.get("message") if isinstance(error, Mapping) else error
    parts = [str(part) for part in (code, message) if part is not None]
    said = ": ".join(parts) if parts else "it did not say why"
    short = said if len(said) <= _MAX_SAID_CHARS else f"{said[:_MAX_SAID_CHARS]}…"
    return (code if isinstance(code, str) and len(code) <= _MAX_SAID_CHARS else None), short
