"""`mal up` as contract.md section 7 tells it, with small parts in place of worker and audit."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.conditions import eventually

NAMED = {"MAL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "MAL_POSTGRES_DSN": "postgresql://127.0.0.1:1/mal"}
STEADY = """
import os, pathlib, time
home = pathlib.Path(os.environ["MAL_DATA_DIR"])
with (home / "pids").open("a") as pids:
    pids.write(f"{os.getpid()}\\n")
pathlib.Path(os.environ["MAL_READY_FILE"]).write_text("{}")
time.sleep(600)
"""
NEVER = "print('no such topic: tap.cmg.events'); raise SystemExit(1)"
PROGRAM = """
import sys
from pathlib import Path
from dev.errors import DataInUseError, ServiceError
from dev.parts import Part
from dev.supervisor import run
part, setup = sys.argv[2:]
try:
    run(Path(sys.argv[1]), parts=[Part("steady", (sys.executable, "-c", part))],
       setup=[Part("setup", (sys.executable, "-c", setup))])
except (DataInUseError, ServiceError) as error:
    sys.exit(str(error))
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a supervisor over `tmp_path` in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def begin(part: str = STEADY, setup: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path), part, setup],
            env={**os.environ, **NAMED},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()
    eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids(tmp_path)))


def pids(home: Path) -> list[int]:
    path = home / "pids"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def ready(home: Path) -> None:
    eventually((home / "services.json").exists, what="services.json")


def test_the_announcement_is_there_when_all_is_ready_and_goes_at_the_end(tmp_path: Path, start: Start) -> None:
    process = start()
    ready(tmp_path)
    announced = tmp_path / "services.json"
    assert json.loads(announced.read_text()) == {
        "kafka": NAMED["MAL_KAFKA_BOOTSTRAP_SERVERS"],
        "postgres": NAMED["MAL_POSTGRES_DSN"],
        "api": None,
    }
    assert stat.S_IMODE(announced.stat().st_mode) == 0o600
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not announced.exists()
    assert not psutil.pid_exists(pids(tmp_path)[0])


def test_a_second_one_on_the_same_data_is_refused_with_the_pid(tmp_path: Path, start: Start) -> None:
    first = start()
    ready(tmp_path)
    second = start()
    _, said = second.communicate(timeout=20)
    assert second.returncode == 1
    assert f"in use by process {first.pid}" in said
    assert (tmp_path / "services.json").exists()


def test_a_part_that_dies_is_started_again_and_said_so(tmp_path: Path, start: Start) -> None:
    process = start()
    ready(tmp_path)
    os.kill(pids(tmp_path)[0], signal.SIGKILL)
    eventually(lambda: len(pids(tmp_path)) == 2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert "steady ended with exit code 137; it is started again" in said


def test_after_a_kill_its_parts_end_and_the_next_one_goes_on(tmp_path: Path, start: Start) -> None:
    first = start()
    ready(tmp_path)
    part = pids(tmp_path)[0]
    first.kill()
    first.wait()
    eventually(lambda: not psutil.pid_exists(part), within_seconds=10)
    eventually(lambda: not (tmp_path / "services.json").exists(), 60, "no announcement of what is gone")
    start()
    ready(tmp_path)


def test_a_part_that_never_gets_ready_ends_it_with_what_the_part_said(start: Start) -> None:
    process = start(part=NEVER)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "steady: ends before it is ready, again and again" in said
    assert "no such topic: tap.cmg.events" in said


def test_a_set_up_command_that_fails_ends_it_with_what_it_said(tmp_path: Path, start: Start) -> None:
    process = start(setup=NEVER)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "setup: ended with exit code 1" in said
    assert "no such topic" in said
    assert pids(tmp_path) == []
