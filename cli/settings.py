"""The settings of a command, and where the services are: the environment, else a running `mal up`.

Connects to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from pydantic import SecretStr, ValidationError

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE, endpoints
from cli.errors import Refused
from engine.wording import plain
from streams.settings import MASK, SECRETS, Settings


class WrongSettingsError(Refused):
    """Settings are wrong: each variable, and what is wrong with it."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{variable} {fault}" for variable, fault in faults))
        self.faults = faults


def read_settings() -> Settings:
    """Read the settings of the environment.

    Raises:
        WrongSettingsError: a setting is wrong; each is named.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise WrongSettingsError(list(_wrong_settings(error))) from error


def find_settings() -> Settings:
    """Read the settings; services the environment does not name are those of a running `mal up`.

    Raises:
        WrongSettingsError: a setting is wrong; each is named.
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
        raise Refused(f"no Kafka is known: {_how_to_find(settings, KAFKA_VARIABLE)}")
    return settings.kafka_bootstrap_servers


def postgres_dsn(settings: Settings) -> str:
    """Return the URI of Postgres, password included.

    Raises:
        Refused: nobody says.
    """
    if not settings.postgres_dsn:
        raise Refused(f"no Postgres is known: {_how_to_find(settings, POSTGRES_VARIABLE)}")
    return settings.postgres_dsn.get_secret_value()


def _how_to_find(settings: Settings, variable: str) -> str:
    place = settings.data_dir.absolute()
    return f"no services run from this directory ({place}); start `mal up` here, or set {variable}"


def _wrong_settings(error: ValidationError) -> Iterator[tuple[str, str]]:
    for problem in error.errors(include_url=False):
        name = "_".join(str(part) for part in problem["loc"]).lower().removeprefix("mal_")
        value = MASK if name in SECRETS else repr(problem["input"])
        yield f"MAL_{name.upper()}", f"is {value}: {plain(problem)}"
