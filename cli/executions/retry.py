"""`mal executions retry`."""

from __future__ import annotations

from cli.executions.control import control
from cli.executions.finding import ExecutionArgument
from cli.output import AsJson


def command(execution: ExecutionArgument, as_json: AsJson = False) -> None:
    """Have an execution that ended because steps failed go on from those, with the facts of now.

    Answers when a worker has done it, within ten seconds; exits 1 otherwise.
    """
    control("retry", execution, as_json=as_json)
