"""What a system has done already: the work of a command id is done once (contract.md section 3)."""

from __future__ import annotations


class Works:
    """The commands that were answered: after a success repeats are dropped, after a failure the next attempt runs."""

    def __init__(self) -> None:
        self._succeeded: set[str] = set()
        self._failed: dict[str, int] = {}

    def is_new(self, command_id: str, attempt: int) -> bool:
        """Say whether this attempt is to be worked on."""
        return command_id not in self._succeeded and attempt > self._failed.get(command_id, 0)

    def record(self, command_id: str, attempt: int, *, succeeded: bool) -> None:
        """Remember how an attempt went."""
        if succeeded:
            self._succeeded.add(command_id)
            self._failed.pop(command_id, None)
        elif command_id not in self._succeeded:
            self._failed[command_id] = max(attempt, self._failed.get(command_id, 0))
