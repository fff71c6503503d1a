"""Waits for a service with a bound, and says what it said last when it does not come."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from dev.errors import ServiceError

PAUSE_SECONDS = 0.05


def wait_until(
    service: str,
    is_ready: Callable[[], bool],
    exit_code: Callable[[], int | None],
    timeout_seconds: float,
    log: Path,
) -> None:
    """Return when `is_ready` says so.

    Raises `ServiceError` where the process ended before, or is not ready after `timeout_seconds`.
    """
    deadline = time.monotonic() + timeout_seconds
    while not is_ready():
        if (code := exit_code()) is not None:
            raise ServiceError(service, f"ended with exit code {code} before it was ready", log=log)
        if time.monotonic() > deadline:
            raise ServiceError(service, f"was not ready within {timeout_seconds:g} s", log=log)
        time.sleep(PAUSE_SECONDS)
