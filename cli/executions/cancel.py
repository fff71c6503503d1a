"""`mal executions cancel`."""

from __future__ import annotations

from cli.executions.control import control
from cli.executions.finding import ExecutionArgument
from cli.output import AsJson


def command(execution: ExecutionArgument, as_json: AsJson = False) -> None:
    """End an execution at once: what it waits for is skipped, and nothing more is sent.

    Answers when a worker has done it, within ten seconds; exits 1 otherwise.
    """
    control("cancel", execution, as_json=as_json)
