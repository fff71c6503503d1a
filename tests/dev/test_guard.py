"""Nothing outlives the process that started it, however that ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from dev import guarded
from dev.errors import ServiceError
from tests.support.conditions import eventually

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


def test_it_ends_as_its_command_ended(tmp_path: Path) -> None:
    command = guarded.start(
        "three", [sys.executable, "-c", "import sys; print('said'); sys.exit(3)"], log=tmp_path / "l"
    )
    assert command.wait(10) == 3
    command.stop()
    assert (tmp_path / "l").read_text() == "said\n"


def test_a_stop_ends_the_command(tmp_path: Path) -> None:
    command = guarded.start("sleeper", SLEEPER, log=tmp_path / "l")
    assert psutil.pid_exists(command.pid)
    command.stop()
    assert command.poll() == 128 + signal.SIGTERM
    assert not psutil.pid_exists(command.pid)


def test_one_that_does_not_listen_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    command = guarded.start("stubborn", STUBBORN, log=tmp_path / "l", grace_seconds=0.2)
    eventually(lambda: (tmp_path / "l").read_text() == "up\n")
    command.stop()
    assert command.poll() == 128 + signal.SIGKILL


def test_a_kill_is_a_crash_of_the_command_itself(tmp_path: Path) -> None:
    command = guarded.start("sleeper", SLEEPER, log=tmp_path / "l")
    command.kill()
    assert command.poll() == 128 + signal.SIGKILL


def test_one_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"nowhere: could not be started \(/no/such/thing\).*No such file"):
        guarded.start("nowhere", ["/no/such/thing"], log=tmp_path / "l")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_when_its_parent_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    program = f"""
        import sys, time, pathlib
        from dev import guarded
        child = guarded.start("sleeper", {SLEEPER!r}, log=pathlib.Path({str(tmp_path / "l")!r}))
        print(child.pid, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        sleeper = psutil.Process(int(parent.stdout.readline()))
        guard = sleeper.parent()
        assert guard is not None
        parent.send_signal(number)
    eventually(lambda: not sleeper.is_running() and not guard.is_running())


def test_it_ends_when_its_guard_is_killed(tmp_path: Path) -> None:
    command = guarded.start("sleeper", SLEEPER, log=tmp_path / "l")
    sleeper = psutil.Process(command.pid)
    guard = sleeper.parent()
    assert guard is not None
    guard.kill()
    eventually(lambda: not sleeper.is_running() or sleeper.status() == psutil.STATUS_ZOMBIE)
    command.stop()
