"""The guard: a tiny process that runs one command and ends it when its parent is gone, however the parent went.

Started by `dev.guarded`, it reads one JSON line from its standard input, {command, log, stop_signal, grace_seconds,
taken_back}, runs the command with its output in the log, and answers one line on its standard output: {"pid": …} or
{"error": …}. Its standard input stays open as long as the parent lives, also through kill -9 of the parent: at its end
the guard stops the command, first by the stop signal, after the grace period by SIGKILL. It exits as the command did.
The file `taken_back`, where it is no null, is what a parent that was killed could not remove any more.

Standard library only, run by its path in isolated mode: it must start fast and need nothing of the project.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import BinaryIO

CHECK_SECONDS = 0.5
PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """Return what a child calls before exec so that the kernel ends it should its guard be killed; Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def before_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return before_exec


def start(request: dict[str, object], log: BinaryIO) -> subprocess.Popen[bytes]:
    """Start the command of the request in a process group of its own."""
    command = request["command"]
    assert isinstance(command, list)
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        process_group=0,
        preexec_fn=die_with_parent(),  # noqa: PLW1509 - the guard has one thread
    )


def watch(
    child: subprocess.Popen[bytes], wake: int, stop_signal: int, grace_seconds: float, taken_back: str | None
) -> None:
    """Return when the child has ended: by itself, or because the parent went or asked for it."""
    parent = os.getppid()
    while child.poll() is None:
        readable, _, _ = select.select([0, wake], [], [], CHECK_SECONDS)
        asked = wake in readable and signal.SIGTERM in os.read(wake, 64)
        gone = (0 in readable and os.read(0, 64) == b"") or os.getppid() != parent
        if asked or gone:
            take_back(taken_back, parent)
            stop(child, stop_signal, grace_seconds)
    take_back(taken_back, parent)  # a parent that is just being killed is still there for a moment


def take_back(path: str | None, parent: int) -> None:
    """Remove the file where the parent is gone."""
    if path is None or os.getppid() == parent:
        return
    try:
        os.unlink(path)  # noqa: PTH108 - pathlib costs a third of the guard's start-up
    except FileNotFoundError:
        return


def stop(child: subprocess.Popen[bytes], stop_signal: int, grace_seconds: float) -> None:
    """Ask the child to end, then make it."""
    child.send_signal(stop_signal)
    try:
        child.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def end_group(child: subprocess.Popen[bytes]) -> None:
    """Kill what the child left behind in its process group."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def main() -> int:
    """Run the command of the request on standard input; return its exit code, 128 + n after signal n."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = json.loads(sys.stdin.buffer.readline())
    with open(request["log"], "ab") as log:  # noqa: PTH123 - pathlib costs a third of the guard's start-up
        try:
            child = start(request, log)
        except OSError as error:
            sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
            return 127
    sys.stdout.write(json.dumps({"pid": child.pid}) + "\n")
    sys.stdout.flush()
    watch(child, readable, request["stop_signal"], request["grace_seconds"], request["taken_back"])
    end_group(child)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main())
