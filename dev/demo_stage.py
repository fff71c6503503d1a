"""What the demo runs on: a directory of its own, the settings that shorten time, and the parts, ready or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE
from dev.parts import Part, PartProcess
from dev.services import Services
from dev.waiting import wait_until
from streams.settings import Settings

WEEK_SECONDS = 604_800
"""The time scale: a week takes a second."""
PARTITIONS = 4
"""Few are quick on a small machine; MAL_KAFKA_PARTITIONS says otherwise."""
READY_SECONDS = 60.0


@contextlib.contextmanager
def fresh_directory() -> Iterator[Path]:
    """Give a new directory and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="mal-demo-", ignore_cleanup_errors=True) as path:
        yield Path(path)


def demo_environment(data_dir: Path, services: Services) -> dict[str, str]:
    """Return the environment of the parts."""
    return {
        "MAL_KAFKA_PARTITIONS": str(PARTITIONS),
        **os.environ,
        KAFKA_VARIABLE: services.endpoints.kafka,
        POSTGRES_VARIABLE: services.endpoints.postgres,
        "MAL_DATA_DIR": str(data_dir),
        "MAL_ENV": "development",
        "MAL_TIME_SCALE": str(WEEK_SECONDS),
    }


def demo_settings(environment: Mapping[str, str]) -> Settings:
    """Return the same as settings, for what runs in this process."""
    return Settings(
        kafka_bootstrap_servers=environment[KAFKA_VARIABLE],
        postgres_dsn=SecretStr(environment[POSTGRES_VARIABLE]),
        env="development",
        time_scale=WEEK_SECONDS,
    )


@contextlib.contextmanager
def running_parts(
    parts: Sequence[Part], data_dir: Path, environment: Mapping[str, str], keep_fds: Sequence[int]
) -> Iterator[list[PartProcess]]:
    """Start parts, give them when all are ready, and stop them at the end.

    Raises `ServiceError` where one ends, or is not ready within a minute.
    """
    processes = [PartProcess(part, data_dir, environment, keep_fds) for part in parts]
    try:
        for process in processes:
            process.start()
        for process in processes:
            wait_until(process.name, process.is_ready, process.poll, READY_SECONDS, process.log)
        yield processes
    finally:
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            process.stop()
