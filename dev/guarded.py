"""Starts commands under a guard, so that none of them outlives the process that started it. See `dev.guard`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dev import guard
from dev.errors import ServiceError

KEEP_LOG_BYTES = 5_000_000
# The guard kills after the grace period; this much later the guard itself is given up.
GUARD_SECONDS = 5.0


class Guarded:
    """A command that runs under a guard. Ends when stopped, killed, or when this process ends in whatever way."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], pid: int, log: Path, grace_seconds: float) -> None:
        self.name = name
        self.pid = pid
        self.log = log
        self._process = process
        self._grace_seconds = grace_seconds

    def poll(self) -> int | None:
        """Return the exit code (128 + n after signal n), None while it runs."""
        return self._process.poll()

    def wait(self, timeout_seconds: float) -> int:
        """Wait for the command to end by itself and return its exit code.

        Raises `subprocess.TimeoutExpired` where it still runs after `timeout_seconds`.
        """
        return self._process.wait(timeout_seconds)

    def stop(self) -> None:
        """Ask the command to end, kill it after its grace period, and return when it is gone."""
        self.ask_to_stop()
        try:
            self._process.wait(self._grace_seconds + GUARD_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close()

    def ask_to_stop(self) -> None:
        """Ask the command to end and return at once; several can be stopped side by side."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        """Kill the command itself with SIGKILL, as a crash would, and return when it is gone."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        try:
            self._process.wait(GUARD_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    grace_seconds: float = 6.0,
    keep_fds: Sequence[int] = (),
    taken_back: Path | None = None,
) -> Guarded:
    """Start a command under a guard, its output appended to `log`.

    `environment` is the whole one (None: this process's). `keep_fds` stay open in the guard, so that a lock they
    stand for is held until the command has ended; `taken_back` is a file that the guard removes once the command has
    ended because this process was killed. Raises `ServiceError` where the command can't be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > KEEP_LOG_BYTES:
        log.replace(log.with_suffix(log.suffix + ".1"))
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        pass_fds=tuple(keep_fds),
        # Ctrl-C reaches the foreground process group: the one who started us decides what stops, and in which order.
        process_group=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    request = {
        "command": [str(part) for part in command],
        "log": str(log),
        "stop_signal": int(stop_signal),
        "grace_seconds": grace_seconds,
        "taken_back": str(taken_back) if taken_back else None,
    }
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    started: dict[str, Any] = json.loads(answer) if answer else {"error": "its guard ended before it started"}
    if "pid" not in started:
        process.stdin.close()
        process.stdout.close()
        process.wait(GUARD_SECONDS)
        raise ServiceError(name, f"could not be started ({command[0]}): {started['error']}", log=log)
    return Guarded(name, process, started["pid"], log, grace_seconds)
