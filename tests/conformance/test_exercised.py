"""Every node type is exercised: by three tests on the virtual clock at least, in each outcome and error, and on Kafka.

The tests of this folder are run once more, by a pytest of their own that writes down what their flows did.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.nodes.base import ANY_ERRORS, COMMAND_ERRORS, ERROR, OUT, ActionType, ConditionType, NodeType, TriggerType
from engine.nodes.registry import node_types
from tests.support.exercised import ASKED, FILE_VARIABLE, WAITS, Exercise, read
from tests.support.node_cases import THROUGH_KAFKA
from tests.support.owed import CASES_OWED

HERE = Path(__file__)
ELSEWHERE = frozenset({*ANY_ERRORS, *COMMAND_ERRORS, WAITS, ASKED})
"""What is not of one type alone: tests/engine shows it."""

every_type = pytest.mark.parametrize("kind", node_types().values(), ids=node_types().keys())


@pytest.fixture(scope="module")
def exercised(tmp_path_factory: pytest.TempPathFactory) -> set[Exercise]:
    seen = tmp_path_factory.mktemp("exercised") / "seen.json"
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    run = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "tests.support.exercised", "-p", "no:cacheprovider",
            str(HERE.parent), f"--ignore={HERE}",
        ],
        cwd=HERE.parents[2], env={**own, FILE_VARIABLE: str(seen)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    return read(seen)


@every_type
def test_it_is_exercised_by_three_tests_on_the_virtual_clock(exercised: set[Exercise], kind: NodeType) -> None:
    tests = {one.test for one in exercised if one.name == kind.name}
    assert len(tests) >= CASES_OWED, (
        f"{kind.name} is exercised by {len(tests)} of the {CASES_OWED} tests that every node type is owed: "
        f"add them to tests/conformance"
    )


@every_type
def test_each_of_its_outcomes_and_errors_is_shown_and_no_other(exercised: set[Exercise], kind: NodeType) -> None:
    shown = {one.outcome for one in exercised if one.name == kind.name} - ELSEWHERE
    if isinstance(kind, ConditionType) and kind.outcomes is not None:
        named = {*kind.outcomes(kind.example)}
        shown -= {port for port in shown if port not in kind.errors and port not in named}
    else:
        named = {*kind.ports} if isinstance(kind, ConditionType) else {OUT}
    declared = named if isinstance(kind, TriggerType) else named | kind.errors.keys()
    assert shown == declared, (
        f"{kind.name} says that it comes to {sorted(declared)}, and the tests of tests/conformance show "
        f"{sorted(shown)}: an error belongs into `errors` of its NODE, and each owes a test"
    )


def test_every_type_runs_through_kafka() -> None:
    missing = node_types().keys() - THROUGH_KAFKA.keys()
    assert not missing, f"add a case of {sorted(missing)} to THROUGH_KAFKA in tests/support/node_cases.py"
    assert THROUGH_KAFKA.keys() == node_types().keys()


def test_what_any_type_can_fail_with_is_declared_once() -> None:
    for kind in node_types().values():
        if isinstance(kind, ConditionType | ActionType):
            assert not {ERROR, *ANY_ERRORS, *COMMAND_ERRORS} & kind.errors.keys()
