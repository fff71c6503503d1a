"""`mal executions pause`."""

from __future__ import annotations

from cli.executions.control import control
from cli.executions.finding import ExecutionArgument
from cli.output import AsJson


def command(execution: ExecutionArgument, as_json: AsJson = False) -> None:
    """Hold an execution before its next node. Its waits run on; what comes due is held, too, until it is resumed.

    Answers when a worker has done it, within ten seconds; exits 1 otherwise.
    """
    control("pause", execution, as_json=as_json)
