"""`mal` and its parts as an operator runs them: with an environment, and everything they say kept."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from dev.parts import PartProcess, mal
from tests.support.conditions import eventually

COMMAND_SECONDS = 60.0
READY_SECONDS = 60.0


def without_settings() -> dict[str, str]:
    """Return the environment of this process without any setting of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAL_")}


def run(environment: Mapping[str, str], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        mal("command", *arguments).command,
        env={**without_settings(), **environment},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )


@contextlib.contextmanager
def running(name: str, folder: Path, environment: Mapping[str, str], *arguments: str) -> Iterator[PartProcess]:
    """Run a part until the block ends; it is ready when the block begins."""
    part = PartProcess(mal(name, *arguments), folder, {**without_settings(), **environment})
    part.start()
    try:
        eventually(lambda: part.is_ready() or part.poll() is not None, READY_SECONDS, f"{name} is ready")
        assert part.poll() is None, part.log.read_text()
        yield part
    finally:
        part.stop()
