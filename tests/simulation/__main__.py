"""Plays seeds on all cores, and says which of them fail: `make simulate`."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from typing import Final

from tests.simulation.planted import PLANTED, seeds_until_found
from tests.simulation.run import Outcome, simulate
from tests.simulation.worker import AtLeastOnce, Parts

CHUNK: Final = 100
PLANTED_SEEDS: Final = 5_000
REPORT_SECONDS: Final = 30.0


def main(arguments: Sequence[str]) -> int:
    """Play seeds; return 1 where one fails."""
    asked = _read(arguments)
    if asked.planted:
        return _find_planted()
    parts, options = _parts(asked)
    started = told = time.monotonic()
    played = steps = inputs = restarts = 0
    failed: list[Outcome] = []
    with ProcessPoolExecutor(asked.processes) as pool:
        for outcomes in pool.map(partial(play, parts), _chunks(asked.first, asked.count)):
            for outcome in outcomes:
                played += 1
                steps += outcome.steps
                inputs += outcome.inputs
                restarts += outcome.restarts
                if outcome.problems:
                    failed.append(outcome)
                    print(failure(outcome, options), flush=True)
            now = time.monotonic()
            if now - told > REPORT_SECONDS or played == asked.count:
                told = now
                rate = played / (now - started) * 60
                print(f"{played:,} seeds, {len(failed)} failed, {rate:,.0f} a minute", flush=True)
    print(
        f"seeds {asked.first} to {asked.first + played - 1}: {played - len(failed):,} hold, {len(failed)} fail; "
        f"{steps:,} steps, {inputs:,} records read, {restarts:,} workers started again, "
        f"{time.monotonic() - started:,.0f} s"
    )
    return 1 if failed else 0


def play(parts: Parts, seeds: Sequence[int]) -> list[Outcome]:
    """Play some seeds."""
    # Nothing of a run outlives it but by a cycle of references, and a run makes many objects.
    gc.set_threshold(50_000, 20, 100)
    return [simulate(seed, parts) for seed in seeds]


def failure(outcome: Outcome, options: str = "") -> str:
    """Say what is wrong with a seed, and how to see it again."""
    again = f"python -m tests.simulation --first {outcome.seed} --count 1{options}"
    return "\n".join((f"seed {outcome.seed} fails; again: {again}", *(f"  {one}" for one in outcome.problems[:5])))


def _find_planted() -> int:
    found = {plant: seeds_until_found(plant, PLANTED_SEEDS) for plant in PLANTED}
    for plant, seeds in found.items():
        print(f"{plant}: " + (f"found within {seeds} seeds" if seeds else f"not found within {PLANTED_SEEDS} seeds"))
    return 0 if all(found.values()) else 1


def _parts(asked: argparse.Namespace) -> tuple[Parts, str]:
    """Return what the workers are put together from, and the options that say so."""
    if asked.plant:
        return PLANTED[asked.plant], f" --plant '{asked.plant}'"
    return (AtLeastOnce(), " --at-least-once") if asked.at_least_once else (Parts(), "")


def _chunks(first: int, count: int) -> Iterator[list[int]]:
    seeds = iter(range(first, first + count))
    while chunk := list(islice(seeds, CHUNK)):
        yield chunk


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--at-least-once", action="store_true", help="as with MAL_PROCESSING=at_least_once")
    parser.add_argument("--plant", choices=sorted(PLANTED), help="a bug to be found")
    parser.add_argument("--planted", action="store_true", help="say how many seeds it takes to find each planted bug")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
