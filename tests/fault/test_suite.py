"""A minute of the fault suite (`make fault` is ten): whatever its seed brings, nothing is lost and nothing is twice."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.fault.driver import LANES
from tests.fault.report import counted, verdict_lines
from tests.fault.run import run_suite

pytestmark = [pytest.mark.services, pytest.mark.fault]

SEED = 20261126
SECONDS = 50.0
CYCLES = 10
"""So many come about in that time on a busy machine; it gives twice as many to a quiet one."""


async def test_a_minute_of_faults_leaves_nothing_lost_and_nothing_twice(tmp_path: Path) -> None:
    outcome = await run_suite(tmp_path, seed=SEED, seconds=SECONDS, rate=40.0, say=logging.getLogger("fault").info)
    assert outcome.is_clean, "\n".join([*verdict_lines(outcome.verdict), *outcome.stuck])
    cycles, _ = counted(outcome.cycles)
    assert cycles >= CYCLES
    assert {cycle.lane for cycle in outcome.cycles if cycle.counts} == {lane.name for lane in LANES}
    assert outcome.verdict.counts["commands"] > SECONDS
