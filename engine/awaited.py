"""Which commands of a subject are awaited, or were: so that an answer finds its execution, and a late one is told.

The table `entries` has one such row for each subject id, since that is what an answer is keyed by. What is over is kept
for a while, so that a repeated answer is known from one that nobody ever waited for.
"""

from __future__ import annotations

from typing import Any, Final, cast

from engine.nodes.base import ActionType
from engine.plan import PlanNode
from engine.run import Run
from engine.types import CommandId, ExecutionId, Json

KEPT_MS: Final = 7 * 86_400_000
"""So long after its wait could be over at the latest a command is remembered."""
KEPT: Final = 64
"""At most so many commands of a subject whose wait is over."""

MAX_CHARS: Final = 256
"""Of what names the event: it is there to be told, and a subject may have many commands of one with a long id."""

Row = dict[str, Json]
"""What is known of each command. Whose it is the key of the row says; rows of before have it once more."""


def awaited_key(subject_id: str) -> str:
    """Return the key of a subject's row. No `row_key` begins like this."""
    return f"\x1fawaited\x1f{subject_id}"


def begin(row: Row, command: CommandId, node: PlanNode, run: Run, until_ms: int) -> None:
    """Note that a command of a node is awaited until then."""
    event, kind = run.event, cast(ActionType[Any], node.type)
    row[command] = {
        "execution": run.id, "node": node.id, "type": kind.command,
        "flow": run.flow_id, "user": run.user_id, "workspace": run.workspace_id,
        "subject": [run.subject.type], "event": [one[:MAX_CHARS] for one in (event.id, event.type, event.source)],
        "until": until_ms, "over": False,
    }  # fmt: skip


def end(row: Row, command: CommandId, now_ms: int) -> None:
    """Note that a command is not awaited any more, and forget what has been over for long."""
    if (known := row.pop(command, None)) is not None:
        row[command] = {**known, "until": now_ms, "over": True}
    over = [one for one, known in row.items() if known["over"]]
    forgotten = set(over[:-KEPT]) | {one for one, known in row.items() if known["until"] + KEPT_MS < now_ms}
    for one in forgotten:
        del row[one]


def execution_of(row: Row, command: CommandId) -> ExecutionId | None:
    """Return the execution that waits for a command, or did; None where nobody ever did."""
    known = row.get(command)
    return None if known is None else known["execution"]
