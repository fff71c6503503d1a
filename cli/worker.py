"""`mal worker`: run the engine."""

from __future__ import annotations

from agents.bootstrap import run_worker
from cli.errors import Refused
from cli.kafka import kafka_errors
from cli.settings import find_settings
from streams.readiness import HealthAddressError


def command() -> None:
    """Run the engine: read events, match flows, drive executions, send commands. Stops on SIGTERM or Ctrl-C.

    Run as many as there are partitions (MAL_KAFKA_PARTITIONS); they share the work. Refuses to start unless
    all topics exist with equal partition counts.
    """
    settings = find_settings()
    try:
        with kafka_errors(settings):
            run_worker(settings)
    except HealthAddressError as error:
        raise Refused(str(error)) from error
