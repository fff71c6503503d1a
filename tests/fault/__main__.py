"""`python -m tests.fault`: faults on a real Kafka and Postgres for a while, then the verdict; exits 1 if it is bad."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.fault.faults.postgres import AWAY
from tests.fault.report import away_lines, counted, cycle_table, verdict_lines
from tests.fault.run import Outcome, run_suite


def main() -> None:
    """Run, and report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of events and faults")
    arguments.add_argument("--seconds", type=float, default=600.0, help="how long faults are begun")
    arguments.add_argument("--rate", type=float, default=40.0, help="events a second")
    arguments.add_argument("--away", action="store_true", help="with Postgres away for ten minutes in between")
    arguments.add_argument("--at-least-once", action="store_true", help="as with MAL_PROCESSING=at_least_once")
    arguments.add_argument("--keep", type=Path, help="a folder for data and logs, which stay")
    given = arguments.parse_args()
    # As Ctrl-C: what was started is stopped. Whoever starts us in the background may have Ctrl-C ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    folder = given.keep or Path(tempfile.mkdtemp(prefix="fault-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        outcome = asyncio.run(
            run_suite(
                folder,
                seed=given.seed,
                seconds=given.seconds,
                rate=given.rate,
                say=_say,
                away=AWAY if given.away else None,
                is_once=not given.at_least_once,
            )
        )
    finally:
        if given.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    for line in report(outcome, given.seed):
        print(line)  # noqa: T201 -- the report is what the command is for
    sys.exit(0 if outcome.is_clean else 1)


def report(outcome: Outcome, seed: int) -> list[str]:
    """Write the report of a run."""
    cycles, bursts = counted(outcome.cycles)
    return [
        *cycle_table(outcome.cycles),
        "",
        (
            f"seed {seed}: {cycles:,} cycles and {bursts:,} bursts of records in {outcome.seconds / 60:.1f} minutes; "
            f"{outcome.not_inflicted} were not inflicted, {outcome.unasked_ends} times a part gave up by itself, "
            f"{outcome.in_doubt} sends in doubt, {outcome.seen_twice} commands seen twice"
        ),
        *(f"stuck: {stuck}" for stuck in outcome.stuck),
        *away_lines(outcome.cycles, outcome.gauges),
        *verdict_lines(outcome.verdict),
    ]


def _say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
