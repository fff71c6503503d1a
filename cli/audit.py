"""`mal audit`: run the writer of the execution feed into Postgres."""

from __future__ import annotations

import asyncio

from agents.audit import run_audit
from cli.errors import Refused
from cli.kafka import kafka_errors
from cli.settings import find_settings, postgres_dsn
from streams.readiness import HealthAddressError


def command() -> None:
    """Write what the engine did into Postgres, each record exactly once. Stops on SIGTERM or Ctrl-C.

    It may lag or be stopped: workers never wait for it, and nothing is lost.
    """
    settings = find_settings()
    postgres_dsn(settings)
    try:
        with kafka_errors(settings):
            asyncio.run(run_audit(settings))
    except HealthAddressError as error:
        raise Refused(str(error)) from error
