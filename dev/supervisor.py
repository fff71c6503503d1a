"""What `mal up` runs: services, set-up commands, then every part as a process of its own, until a signal.

Knows the order of things and who watches whom. Must not know what a part does, nor how arguments reach it (cli does).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

from cli import discovery
from dev.announcement import announced
from dev.error_lines import ErrorLines
from dev.errors import ServiceError
from dev.parts import Part, PartProcess, mal, run_to_end
from dev.revival import Revival
from dev.services import Services, started

READY_SECONDS = 120.0
# A part that ends this often before it was ever ready does not get better by being started once more.
DEATHS_BEFORE_READY = 3
DEATH_TAIL_LINES = 12
LOOK_SECONDS = 0.1


def say_on_stderr(line: str) -> None:
    """Print one line of progress."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def up(data_dir: Path, *, simulators: bool = True) -> None:
    """Run the whole system over `data_dir` until a signal: services, topics and tables, worker, audit, simulators.

    Raises as `run` does.
    """
    parts = [mal("worker", "worker"), mal("audit", "audit")]
    if simulators:
        parts.append(mal("simulate", "simulate"))
    run(data_dir, setup=[mal("topics", "topics", "create"), mal("migrate", "db", "migrate")], parts=parts)


def run(
    data_dir: Path,
    *,
    setup: Sequence[Part],
    parts: Sequence[Part],
    environ: Mapping[str, str] = os.environ,
    say: Callable[[str], None] = say_on_stderr,
) -> None:
    """Run `setup`, then `parts`, over the services of `data_dir` until a signal, then stop it all and return.

    The signals are SIGINT, SIGTERM and SIGHUP; to be called in the main thread. Raises `DataInUseError` where another
    process runs on the directory, and `ServiceError` where a service does not start, a set-up command fails or a part
    does not get ready.
    """
    data_dir = data_dir.resolve()
    with until_signalled(say):
        say(f"starting over the data in {data_dir}")
        with started(data_dir, environ) as services:
            environment = {**environ, **_environment(data_dir, services)}
            announcement = data_dir / discovery.ANNOUNCEMENT
            processes = [PartProcess(part, data_dir, environment, [services.held], announcement) for part in parts]
            with _stopped_at_end(processes, say):
                _set_up(setup, data_dir, environment)
                _supervise(data_dir, services, processes, say)


@contextlib.contextmanager
def until_signalled(say: Callable[[str], None]) -> Iterator[None]:
    """Unwind the block at SIGINT, SIGTERM or SIGHUP, and go on behind it."""
    # The first signal unwinds what was built up, wherever it is; those after it must not disturb the unwinding.
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def unwind(number: int, _: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, unwind) for number in numbers}
    try:
        yield
    except KeyboardInterrupt:
        say("stopped")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environment(data_dir: Path, services: Services) -> dict[str, str]:
    return {
        discovery.KAFKA_VARIABLE: services.endpoints.kafka,
        discovery.POSTGRES_VARIABLE: services.endpoints.postgres,
        "MAL_DATA_DIR": str(data_dir),
    }


def _set_up(setup: Sequence[Part], data_dir: Path, environment: Mapping[str, str]) -> None:
    with ThreadPoolExecutor(max(1, len(setup))) as side_by_side:
        for done in [side_by_side.submit(run_to_end, part, data_dir, environment) for part in setup]:
            done.result()


@contextlib.contextmanager
def _stopped_at_end(processes: Sequence[PartProcess], say: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as signalled:
        say(f"{signalled}: stopping")
        raise
    finally:
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            process.stop()


def _supervise(
    data_dir: Path, services: Services, processes: Sequence[PartProcess], say: Callable[[str], None]
) -> None:
    errors = {process.name: ErrorLines(process.log) for process in processes}
    for process in processes:
        process.start()
    now = time.monotonic()
    deadline = now + READY_SECONDS
    parts = {process: Revival(process, say, now) for process in processes}
    servers = [Revival(server, say, now) for server in services.servers]
    with contextlib.ExitStack() as at_end:
        ready = False
        while True:
            for server in servers:
                server.look(now)
            for process, revival in parts.items():
                dead = revival.look(now)
                lines = errors[process.name]
                told = lines.read(now)
                for line in lines.last_words(DEATH_TAIL_LINES) if dead else told:
                    say(f"  {process.name} | {line}")
                if not ready and dead and revival.deaths >= DEATHS_BEFORE_READY:
                    raise ServiceError(process.name, "ends before it is ready, again and again", log=process.log)
            if not ready and all(process.is_ready() for process in processes):
                endpoints = services.endpoints
                at_end.enter_context(announced(data_dir, discovery.Endpoints(endpoints.kafka, endpoints.postgres)))
                ready = True
                say(f"ready: Kafka at {endpoints.kafka}, Postgres in {data_dir / discovery.ANNOUNCEMENT}; Ctrl-C stops")
            elif not ready and now > deadline:
                late = next(process for process in processes if not process.is_ready())
                raise ServiceError(late.name, f"was not ready within {READY_SECONDS:g} s", log=late.log)
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
