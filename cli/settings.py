"""The settings of a command, and where the services are: the environment, else a running `mal up`.

Connects to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from pydantic import SecretStr, ValidationError

from cli.discovery import ANNOUNCEMENT, KAFKA_VARIABLE, POSTGRES_VARIABLE, endpoints
from cli.errors import Refused
from streams.settings import Settings


def read_settings() -> Settings:
    """Read the settings of the environment.

    Raises:
        Refused: a setting is wrong; each is named.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise Refused("\n".join(_wrong_settings(error))) from error


def find_settings() -> Settings:
    """Read the settings; services the environment does not name are those of a running `mal up`.

    Raises:
        Refused: a setting is wrong; each is named.
    """
    settings = read_settings()
    found = endpoints(settings.data_dir, os.environ)
    return settings.model_copy(
        update={
            "kafka_bootstrap_servers": found.kafka,
            "postgres_dsn": SecretStr(found.postgres) if found.postgres else None,
        }
    )


def kafka_address(settings: Settings) -> str:
    """Return where Kafka is, as host:port, several with commas.

    Raises:
        Refused: nobody says.
    """
    if not settings.kafka_bootstrap_servers:
        raise Refused(f"no Kafka is known; {_how_to_find(settings, KAFKA_VARIABLE)}")
    return settings.kafka_bootstrap_servers


def postgres_dsn(settings: Settings) -> str:
    """Return the URI of Postgres, password included.

    Raises:
        Refused: nobody says.
    """
    if not settings.postgres_dsn:
        raise Refused(f"no Postgres is known; {_how_to_find(settings, POSTGRES_VARIABLE)}")
    return settings.postgres_dsn.get_secret_value()


def _how_to_find(settings: Settings, variable: str) -> str:
    place = settings.data_dir / ANNOUNCEMENT
    return f"start `mal up` (there is no {place}, or it does not say), or set {variable}"


def _wrong_settings(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        name = "_".join(str(part) for part in problem["loc"]).upper()
        yield f"MAL_{name.removeprefix('MAL_')} is {problem['input']!r}: {problem['msg']}"
