"""`mal executions resume`."""

from __future__ import annotations

from cli.executions.control import control
from cli.executions.finding import ExecutionArgument
from cli.output import AsJson


def command(execution: ExecutionArgument, as_json: AsJson = False) -> None:
    """Run what a pause of this execution held. Where its flow is paused, that holds it still.

    Answers when a worker has done it, within ten seconds; exits 1 otherwise.
    """
    control("resume", execution, as_json=as_json)
