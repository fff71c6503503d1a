"""The engine and the naive interpreter of tests/reference tell the same story of any flow and any inputs.

`make test` compares 2,000 stories; `make property` compares 50,000. Each is cut into units of commit anywhere, and the
engine loses one of them in a crash and reads it again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest.mock import patch

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import limits
from engine.run import Run
from tests.property.playing import MAX_STEPS, MAX_SUB_FLOWS, Play, comparable
from tests.reference.stories import THEMES
from tests.reference.values import same

EXAMPLES = int(os.environ.get("MAL_REFERENCE_EXAMPLES", "2000"))


@pytest.fixture(scope="module", autouse=True)
def few_steps() -> Iterator[None]:
    with patch.object(limits, "MAX_STEPS", MAX_STEPS), patch.object(limits, "MAX_SUB_FLOWS", MAX_SUB_FLOWS):
        yield


@pytest.mark.parametrize("theme", THEMES)
@settings(
    max_examples=-(-EXAMPLES // len(THEMES)), database=None, derandomize=EXAMPLES <= 2000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(data=st.data())
def test_the_engine_tells_what_the_reference_tells(theme: str, data: st.DataObject) -> None:
    play = Play(data.draw(THEMES[theme]))
    play.run()
    told = play.told()
    for mine, theirs in zip(told, play.reference.told, strict=False):
        assert comparable(mine) == comparable(theirs)
    assert len(told) == len(play.reference.told)
    commands = play.commands()
    assert comparable(commands) == comparable(play.reference.commands)
    attempts = [(command[0], command[-1]) for command in commands]
    assert len(attempts) == len(set(attempts))
    for run, row in play.runs():
        assert orjson.dumps(run.to_row()) == row
        assert Run.from_row(orjson.loads(orjson.dumps(run.to_row()))) == run
    most = play.reference.limits
    for run, _ in play.engine.sent:
        assert run.counts.actions <= most["maxActionsPerExecution"]
        assert run.counts.external_writes <= most["maxExternalWrites"]
        assert run.counts.contact_actions <= most["maxContactActions"]
        assert run.counts.steps <= MAX_STEPS


def test_json_tells_true_from_one() -> None:
    assert comparable([True, 1]) != comparable([1, 1])
    assert same(1, 1.0)
