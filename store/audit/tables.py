"""The tables of the audit and the order of their columns in rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table rows are copied to: `audit.stage_<name>` and `audit.merge_<name>` are its statements."""

    name: str
    columns: tuple[str, ...]

    @property
    def relation(self) -> str:
        """Return its name in Postgres."""
        return f"automation_{self.name}"

    @property
    def stage(self) -> str:
        """Return the name of the temporary table rows pass through that may be there already."""
        return f"stage_{self.name}"


EXECUTIONS: Final = Table("executions", (
    "id", "seq", "flow_id", "flow_version", "user_id", "workspace_id", "subject_type", "subject_id", "origin", "status",
    "end_reason", "trigger", "input", "error", "waiting", "path", "progress", "extra", "started_at", "finished_at",
))  # fmt: skip
STEPS: Final = Table("execution_steps", (
    "execution_id", "node_id", "visit", "seq", "ordinal", "try", "type", "subtype", "status", "port", "reason", "input",
    "output", "error", "command_ids", "extra", "started_at", "finished_at", "execution_started_at",
))  # fmt: skip
DECISIONS: Final = Table("decisions", (
    "decision", "reason", "flow_id", "execution_id", "user_id", "workspace_id", "subject_type", "subject_id",
    "event_id", "event_type", "event_source", "input", "extra", "at", "feed_topic", "feed_partition", "feed_offset",
))  # fmt: skip
COMMAND_RESULTS: Final = Table("command_results", (
    "command_id", "attempt", "status", "retryable", "error", "output", "extra", "finished_at", "recorded_at",
))  # fmt: skip
