"""How much an execution may keep: its event, what its steps gave, what its waits hold, and the tags it set.

All of it is one row, and what the row's topic does not take would stop the shard for ever. So the step that would make
it too large fails instead. Sizes belong to one input: they are taken when the first value that is not small turns up
in it, so an execution that keeps only small ones pays for a look at each, and none pays twice for the same value.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Final

from engine.nodes.base import Failed
from engine.outputs import is_small, json_bytes
from engine.run import Key, Run
from engine.types import Json

MAX_STATE_BYTES: Final = 8 * 1024 * 1024
"""Of all that is counted, as JSON; a longer row fails no write: the changelog takes 32 MiB as one batch of records
(contract.md section 4: no record we write can be refused for its size). What is small is not counted, and is less than
10 MiB in the 1,000 steps that an execution may have."""

_EVENT: Final = "event"
_TAG: Final = "tag"


class Budget:
    """What one execution keeps, while one input moves it.

    Args:
        run: the execution.
    """

    __slots__ = ("_run", "_sizes")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._sizes: dict[Hashable, int] | None = None

    def refuse_output(self, node_id: str, output: Json, tags: Collection[str] = ()) -> Failed | None:
        """Return the failure of a step whose output, or tags, would be too much; None where they may be kept."""
        if is_small((output, *tags)):
            return None
        return self._refuse({node_id: output, **{(_TAG, tag): tag for tag in tags}}, "output")

    def refuse_wait(self, key: Key, record: Mapping[str, Json], knows: Json) -> Failed | None:
        """Return the failure of a step whose wait would hold too much; None where it may wait.

        Args:
            key: of the step.
            record: of the step so far.
            knows: what its wait keeps besides.
        """
        if is_small((record["input"], record.get("notes"), knows)):
            return None
        return self._refuse({key: _held_by(record, knows)}, "input")

    def free(self, key: Key) -> None:
        """Take note that a wait is over."""
        (self._sizes or {}).pop(key, None)

    def _refuse(self, kept: Mapping[Hashable, Json], field: str) -> Failed | None:
        before = self._measured()
        after = before | _sizes(kept)
        total = sum(after.values())
        if total > MAX_STATE_BYTES and total > sum(before.values()):
            message = (
                f"the execution would keep {total} bytes of its event, outputs, waits and tags, the most is "
                f"{MAX_STATE_BYTES}; hand on less from step to step"
            )
            return Failed("state_too_large", message, field, total)
        self._sizes = after
        return None

    def _measured(self) -> dict[Hashable, int]:
        if self._sizes is None:
            run, payload = self._run, self._run.event.payload
            kept: dict[Hashable, Json] = {
                _EVENT: [payload, run.event.metadata],
                # The trigger's output is the event's payload: the row has it once.
                **{node: output for node, output in run.outputs.items() if output is not payload},
                **{key: _held_by(wait.step, wait.knows) for key, wait in run.waits.items()},
                **{(_TAG, tag): tag for tag in run.tags},
            }
            self._sizes = _sizes(kept)
        return self._sizes


def _sizes(kept: Mapping[Hashable, Json]) -> dict[Hashable, int]:
    return {name: json_bytes(value) for name, value in kept.items() if not is_small(value)}


def _held_by(record: Mapping[str, Json], knows: Json) -> Json:
    """Return what a wait holds, with its input twice: a move to another version freezes it."""
    return [record["input"], record["input"], record.get("notes"), knows]
