"""Which commands of a subject are awaited, or were: so that an answer finds its execution, and a late one is told.

The table `entries` has one such row for each subject id, since that is what an answer is keyed by; where very many are
awaited, as of a system that is away for long, the rest is in pages. What is over is kept for a while, so that a
repeated answer is known from one that nobody ever waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from engine.nodes.base import ActionType
from engine.plan import PlanNode
from engine.run import Run
from engine.types import CommandId, Json

KEPT_MS: Final = 7 * 86_400_000
"""So long after its wait could be over at the latest a command is remembered."""
KEPT: Final = 64
"""At most so many commands whose wait is over are kept in a row."""
KEPT_IN_PAGE: Final = 4
"""The same for each of its pages, of which there are 256."""
IN_ROW: Final = 128
"""So many commands are in the row itself."""

MAX_CHARS: Final = 256
"""Of what names the event: it is there to be told, and a subject may have many commands of one with a long id."""

Row = dict[str, Json]
"""What is known of each command. Whose it is the key of the row says; rows of before have it once more."""
Known = dict[str, Any]
"""What is known of one command."""


def awaited_key(subject_id: str) -> str:
    """Return the key of a subject's row. No `row_key` begins like this."""
    return f"\x1fawaited\x1f{subject_id}"


def page_key(subject_id: str, command: CommandId) -> str:
    """Return the key of the page that a command is in where the row has no room for it."""
    return f"{awaited_key(subject_id)}\x1f{command[:2]}"


class Awaited:
    """The commands of one subject.

    Args:
        subject_id: whose.
        read: gives the row of a key, an empty one where there is none.
    """

    __slots__ = ("_changed", "_read", "_row", "_subject_id")

    def __init__(self, subject_id: str, read: Callable[[str], Row]) -> None:
        self._subject_id = subject_id
        self._read = read
        self._row = read(awaited_key(subject_id))
        self._changed: dict[str, Row] = {}

    def known(self, command: CommandId) -> Known | None:
        """Return what is known of a command that is awaited, or was; None for any other."""
        found = self._row.get(command)
        return found if found is not None else self._page(command).get(command)

    def begin(self, command: CommandId, node: PlanNode, run: Run, until_ms: int) -> None:
        """Note that a command of a node is awaited until then."""
        event, kind = run.event, cast(ActionType[Any], node.type)
        self._to_write(command)[command] = {
            "execution": run.id, "node": node.id, "type": kind.command,
            "flow": run.flow_id, "user": run.user_id, "workspace": run.workspace_id,
            "subject": [run.subject.type], "event": [one[:MAX_CHARS] for one in (event.id, event.type, event.source)],
            "until": until_ms, "over": False,
        }  # fmt: skip

    def end(self, command: CommandId, now_ms: int) -> None:
        """Note that a command is not awaited any more, and forget what has been over for long."""
        row = self._to_write(command)
        if (known := row.pop(command, None)) is not None:
            row[command] = {**known, "until": now_ms, "over": True}
        over = [one for one, known in row.items() if known["over"]]
        forgotten = set(over[: -(KEPT if row is self._row else KEPT_IN_PAGE)])
        forgotten |= {one for one, known in row.items() if known["until"] + KEPT_MS < now_ms}
        for one in forgotten:
            del row[one]

    def changed(self) -> dict[str, Row]:
        """Return the rows that have changed, by their keys."""
        return self._changed

    def _to_write(self, command: CommandId) -> Row:
        """Return the row that a command is in, or goes into."""
        has_room = len(self._row) < IN_ROW and command not in self._page(command)
        if command in self._row or has_room:
            return self._changed.setdefault(awaited_key(self._subject_id), self._row)
        return self._changed.setdefault(page_key(self._subject_id, command), self._page(command))

    def _page(self, command: CommandId) -> Row:
        key = page_key(self._subject_id, command)
        return self._changed[key] if key in self._changed else self._read(key)
