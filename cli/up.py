"""`mal up`: everything on this machine, until it is told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.errors import Refused
from cli.settings import read_settings


def command(
    simulators: Annotated[
        bool, typer.Option("--simulators/--no-simulators", help="Whether stand-ins of the TAP systems run too.")
    ] = True,
) -> None:
    """Run Kafka, Postgres, a worker, the audit and the simulators on this machine, until Ctrl-C or SIGTERM.

    Kafka and Postgres are started where the environment names none; their data are under MAL_DATA_DIR. Once all is
    ready services.json is written there, and the other commands find the services by it.
    """
    try:
        from dev.errors import DataInUseError, ServiceError
        from dev.supervisor import up
    except ModuleNotFoundError as error:  # the image of the service is without it
        raise Refused(f"`mal up` is for a development machine ({error}); run `make setup` in a checkout") from error
    try:
        up(read_settings().data_dir, simulators=simulators)
    except (DataInUseError, ServiceError) as error:
        raise Refused(str(error)) from error
