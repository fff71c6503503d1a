"""A part of the system as a process of its own, started by its command (`mal worker`, `mal audit`, …) under a guard.

Knows how a part says that it is ready: it writes the file named in MAL_READY_FILE. Must not know what a part does.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev import guarded
from dev.errors import ServiceError

READY_VARIABLE = "MAL_READY_FILE"
COMMAND_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its name in messages and files, and the command that runs it."""

    name: str
    command: tuple[str, ...]


def mal(name: str, *arguments: str) -> Part:
    """Return the part that `mal` with these arguments is: the installed script, else the module."""
    script = Path(sys.executable).with_name("mal")
    program = (str(script),) if script.exists() else ("-m", "cli.main")
    return Part(name, (sys.executable, *program, *arguments))


def run_to_end(part: Part, data_dir: Path, environment: Mapping[str, str]) -> None:
    """Run a part that ends by itself, such as `mal db migrate`.

    Raises `ServiceError`, with what it said, where it ended otherwise than with 0 or not within two minutes.
    """
    log = data_dir / "logs" / f"{part.name}.log"
    log.unlink(missing_ok=True)
    command = guarded.start(part.name, part.command, log=log, environment=environment)
    try:
        code = command.wait(COMMAND_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ServiceError(part.name, f"did not end within {COMMAND_SECONDS:g} s", log=log) from error
    finally:
        command.stop()
    if code:
        raise ServiceError(part.name, f"ended with exit code {code}", log=log)


class PartProcess:
    """A part that can be started, again and again, and stopped.

    `keep_fds` and `taken_back` are those of `guarded.start`.
    """

    def __init__(
        self,
        part: Part,
        data_dir: Path,
        environment: Mapping[str, str],
        keep_fds: Sequence[int] = (),
        taken_back: Path | None = None,
    ) -> None:
        self.name = part.name
        self.log = data_dir / "logs" / f"{part.name}.log"
        self._command = part.command
        self._ready_file = data_dir / "run" / f"{part.name}.ready"
        # Its log is a file: without this a line would show only when a buffer is full.
        self._environment = {**environment, READY_VARIABLE: str(self._ready_file), "PYTHONUNBUFFERED": "1"}
        self._keep_fds = keep_fds
        self._taken_back = taken_back
        self._running: guarded.Guarded | None = None

    @property
    def pid(self) -> int | None:
        """Return the pid of the part's own process, None where none was started."""
        return self._running.pid if self._running else None

    def start(self) -> None:
        """Start it and return at once. Raises `ServiceError` where that fails."""
        self._ready_file.parent.mkdir(parents=True, exist_ok=True)
        self._ready_file.unlink(missing_ok=True)
        self._running = guarded.start(
            self.name,
            self._command,
            log=self.log,
            environment=self._environment,
            grace_seconds=8.0,
            keep_fds=self._keep_fds,
            taken_back=self._taken_back,
        )

    def is_ready(self) -> bool:
        """Say whether it has said that it is ready since it was started last."""
        return self._ready_file.exists()

    def poll(self) -> int | None:
        """Return the exit code, None while it runs (or was never started)."""
        return self._running.poll() if self._running else None

    def ask_to_stop(self) -> None:
        """Ask it to end and return at once; several can be stopped side by side."""
        if self._running:
            self._running.ask_to_stop()

    def stop(self) -> None:
        """Stop it and return when it is gone."""
        if self._running:
            self._running.stop()
            self._running = None
        self._ready_file.unlink(missing_ok=True)
