"""Finds the Kafka and Postgres to talk to: those the environment names, else those a running `mal up` announces.

Shared with `dev`, which writes the announcement. Must not start anything, nor connect to anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KAFKA_VARIABLE = "MAL_KAFKA_BOOTSTRAP_SERVERS"
POSTGRES_VARIABLE = "MAL_POSTGRES_DSN"
# Written by `mal up` into its data directory when all is ready (contract.md section 7).
ANNOUNCEMENT = "services.json"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the services are: Kafka as host:port (several with commas), Postgres as libpq URI, the API as URL."""

    kafka: str | None
    postgres: str | None
    api: str | None = None


def endpoints(data_dir: Path, environ: Mapping[str, str]) -> Endpoints:
    """Return what is known of the services; None stands for a service that neither place names.

    What the environment names wins over the announcement in `data_dir`, service by service.
    """
    announced = _announced(data_dir / ANNOUNCEMENT)
    return Endpoints(
        kafka=environ.get(KAFKA_VARIABLE) or announced.kafka,
        postgres=environ.get(POSTGRES_VARIABLE) or announced.postgres,
        api=announced.api,
    )


def _announced(path: Path) -> Endpoints:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Not there, not ours to read, or not written by `mal up`: nobody announces anything.
        return Endpoints(None, None)
    if not isinstance(found, dict):
        return Endpoints(None, None)
    return Endpoints(
        *(value if isinstance(value := found.get(key), str) else None for key in ("kafka", "postgres", "api"))
    )
