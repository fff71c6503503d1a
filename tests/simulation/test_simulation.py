"""The simulator in short: some seeds hold, those that once failed hold, and a bug that is planted is found.

`make simulate` plays a hundred thousand.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import failure
from tests.simulation.planted import PLANTED, seeds_until_found
from tests.simulation.run import simulate
from tests.simulation.worker import AtLeastOnce

SEEDS = 200
FOUND_WITHIN = 400
REGRESSIONS = Path(__file__).parent / "regressions.txt"


def regressions() -> list[int]:
    lines = (line.partition("#")[0].split() for line in REGRESSIONS.read_text().splitlines())
    return [int(words[0]) for words in lines if words]


@pytest.mark.parametrize("first", range(0, SEEDS, 50))
def test_seeds_hold(first: int) -> None:
    failed = [outcome for seed in range(first, first + 50) if (outcome := simulate(seed)).problems]
    assert not failed, "\n".join(map(failure, failed))


def test_seeds_hold_with_at_least_once() -> None:
    failed = [outcome for seed in range(50) if (outcome := simulate(seed, AtLeastOnce())).problems]
    assert not failed, "\n".join(failure(one, " --at-least-once") for one in failed)


@pytest.mark.parametrize("seed", regressions())
def test_a_seed_that_once_failed_holds(seed: int) -> None:
    outcome = simulate(seed)
    assert not outcome.problems, failure(outcome)


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_bug_is_found(plant: str) -> None:
    assert seeds_until_found(plant, FOUND_WITHIN) is not None, f"{plant} is not found within {FOUND_WITHIN} seeds"


def test_a_seed_is_the_same_run_wherever_it_is_played() -> None:
    here = simulate(7)
    assert simulate(7) == here
    program = "from tests.simulation.run import simulate; print(simulate(7))"
    apart = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        )
        for salt in ("1", "2")
    ]
    assert [one.stdout.strip() for one in apart] == [repr(here)] * 2
